"""Which requests a viewer of the queue sees."""

import pytest
from django.db.models import Q

from llmqueue.pages import history

pytestmark = pytest.mark.django_db


@pytest.mark.fault("A-PRIV-1")
def test_a_request_is_seen_by_whom_its_app_lets(
    note_handler, make_request, alice, bob, staff, monkeypatch
):
    make_request(member=alice)
    viewers = {"asker": alice, "stranger": bob, "staff": staff, "guest": None}

    def seen_by() -> set[str]:
        return {name for name, it in viewers.items() if history.visible_to(it)}

    assert seen_by() == set(viewers)
    monkeypatch.setattr(note_handler, "visible", lambda user: Q(pk=None))
    assert seen_by() == {"asker", "staff"}
