"""Calls to the fake provider, in each protocol, and endpoints connected to it."""

from datetime import timedelta

import pytest
from django.test import Client

from llmconfig.client import Call
from llmconfig.models import Endpoint, OpenTo
from llmconfig.services import endpoints
from llmconfig.tests.calling import KEY, SITE_KEY
from tests.own_keys import OWN_KEY


@pytest.fixture(params=["openai", "anthropic"])
def protocol(request):
    return request.param


@pytest.fixture
def call(fake_llm, protocol):
    """Make a call to the fake provider; keyword arguments change its `Call`."""

    def make(**changes) -> Call:
        fields = {
            "protocol": protocol,
            "address": fake_llm.address if protocol == "openai" else fake_llm.root,
            "model": "fake-1",
            "key": KEY,
            "parameters": {},
            "messages": [{"role": "user", "content": "Hello?"}],
            "deadline": timedelta(seconds=60),
        }
        return Call(**fields | changes)

    return make


@pytest.fixture
def connect(db, fake_llm):
    """Connect the fake provider; keyword arguments change how."""

    def connect(**changes) -> tuple[Endpoint, str]:
        fields = {
            "provider": "compatible",
            "api_base": fake_llm.address,
            "key": SITE_KEY,
            "model": "fake-1",
            "is_default": True,
            "actor": None,
        }
        return endpoints.connect_endpoint(**fields | changes)

    return connect


@pytest.fixture
def endpoint(connect) -> Endpoint:
    """An endpoint that holds the site's default."""
    return connect()[0]


@pytest.fixture
def visit(client, staff) -> Client:
    """A browser in which staff are signed in."""
    client.force_login(staff)
    return client


@pytest.fixture
def place(fake_endpoint, fake_llm) -> Endpoint:
    """An endpoint for members' own keys, whose provider takes one key and no other."""
    fake_llm.key = OWN_KEY
    fake_endpoint.open_to = OpenTo.NOBODY
    fake_endpoint.save()
    return fake_endpoint
