"""What tests of personas are made of."""

import pytest
from django.test import Client


@pytest.fixture
def as_alice(as_, alice) -> Client:
    return as_(alice)


@pytest.fixture
def as_bob(as_, bob) -> Client:
    return as_(bob)


@pytest.fixture
def as_staff(as_, staff) -> Client:
    return as_(staff)
