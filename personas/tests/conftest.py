"""What tests of personas are made of."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from personas.models import Persona


@pytest.fixture
def as_(db) -> Callable[[User], Client]:
    """A browser in which this member is signed in."""

    def sign_in(member: User) -> Client:
        client = Client()
        client.force_login(member)
        return client

    return sign_in


@pytest.fixture
def maestro(db) -> Persona:
    return Persona.objects.get(slug="maestro")
