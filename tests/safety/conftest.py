"""A small site with something in every state, and somebody of every kind."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.signin_links import signin_link
from core.images import Picture, make_avatar, store_avatar
from forum.forms.images import keep_picture
from forum.models import Topic
from forum.services import asks, posts
from forum.services.images import Attachment
from llmconfig.models import LLMConfig, ModelPrice, Redirect
from llmconfig.services.keys import encrypt_site_key
from llmqueue.models import ScheduleWindow, SpendLimit, Stop
from llmqueue.work import runner
from personas.models import (
    Identity,
    Persona,
    PersonaAlias,
    SystemPrompt,
    Visibility,
)
from personas.services import drafts
from studio.services import trials
from tests.browser.conftest import browser_context_args, browser_type_launch_args
from tests.own_keys import bring_key
from tests.safety.routes import Route

__all__ = ["browser_context_args", "browser_type_launch_args"]

PICTURE = make_avatar(
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
)

ACTORS = ("guest", "gone", "other", "owner", "staff", "superuser")

# For parameters of an address that are no number, one that belongs to nothing.
_NOTHING = {
    "app_label": "forum",
    "file_name": "nothing.webp",
    "form": "nothing",
    "handle": "nobody-here",
    "key": "nothing",
    "persona_slug": "nothing",
    "slug": "nothing",
    "step": "nothing",
    "table": "nothing",
    "token": "nothing",
    "uidb36": "zzzzzz",
}


def missing(route: Route) -> dict[str, Any]:
    """Values for the route's parameters that belong to nothing."""
    return {
        name: uuid.UUID(int=7)
        if f"<uuid:{name}>" in route.pattern
        else _NOTHING.get(name, 999_999_999)
        for name in route.parameters
    }


@dataclass
class Stage:
    """`clients` by actor; `objects` by name, each the parameters of its address.

    alice is "owner" (she wrote the posts and asked), bob "other"; "gone" was
    deactivated after signing in.
    """

    clients: dict[str, Client]
    people: dict[str, User]
    topic: Topic
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)

    def address(self, route: str, thing: str) -> str:
        return reverse(route, kwargs=self.objects[thing])

    def addresses_of(self, route: Route) -> list[str]:
        """One address for each object that fits the route's parameters."""
        return [
            route.address(values)
            for values in self.objects.values()
            if set(values) == set(route.parameters)
        ]


@pytest.fixture
def people(alice, bob, staff, make_member) -> dict[str, User]:
    root = make_member("root-owner", is_staff=True, is_superuser=True)
    gone = make_member("dave")
    return {
        "gone": gone,
        "other": bob,
        "owner": alice,
        "staff": staff,
        "superuser": root,
    }


@pytest.fixture
def clients(people) -> dict[str, Client]:
    """A browser for each actor; the deactivated one has a session from before."""
    found = {"guest": Client(raise_request_exception=False)}
    for actor, member in people.items():
        found[actor] = Client(raise_request_exception=False)
        found[actor].force_login(member)
    User.objects.filter(pk=people["gone"].pk).update(is_active=False)
    return found


@pytest.fixture
def stage(db, people, clients, topic, fake_config, fake_llm, make_persona) -> Stage:
    alice = people["owner"]
    hermit = make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)
    make_persona("chef", owner=alice)
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    opening = topic.posts.get()
    own = posts.reply(parent=opening, author=alice, body="Two hours, I think.")
    posts.edit_post(post=own, editor=alice, body="Two hours, I believe.")
    deleted = posts.reply(parent=opening, author=alice, body="Never mind.")
    posts.delete_post(post=deleted, actor=alice)
    locked = posts.create_topic(
        subforum=topic.subforum, author=alice, title="Old soup", body="Is it good?"
    )
    Topic.objects.filter(pk=locked.pk).update(is_locked=True)
    done = run_ask(opening, alice, lambda: fake_llm.answers("About *two* hours."))
    failed = run_ask(own, alice, lambda: fake_llm.answers(status=401))
    waiting = asks.ask(post=own, member=alice)
    tried = trials.begin_trial(
        tester=alice,
        chosen=hermit.current_version,
        configs=[fake_config],
        sample="Why soup?",
    )
    done.refresh_from_db()
    picture = Picture(PICTURE, 1, 1)
    illustrated = posts.reply(
        parent=topic.posts.get(number=1),
        author=alice,
        body="See?",
        images=[Attachment(alt="Soup", picture=picture)],
    )
    group = Group.objects.create(name="Cooks")
    group.user_set.add(alice)
    identity = Identity.objects.create(user=alice, name="Gardener", is_public=True)
    chef = Persona.objects.get(slug="chef")
    alias = PersonaAlias.objects.create(persona=chef, user=alice, name="Cookie")
    site_alias = PersonaAlias.objects.create(persona=chef, name="Kitchen boss")
    price = ModelPrice.objects.create(
        endpoint=fake_config.endpoint, model="other", in_usd=1, out_usd=2
    )
    prompt = SystemPrompt.objects.create(name="Plain", text="Be brief.")
    way = Redirect.objects.create(
        endpoint=fake_config.endpoint, model="retired", to=fake_config
    )
    endpoint = fake_config.endpoint
    endpoint.site_key = encrypt_site_key(
        "sk-the-site-s-own-key", address=endpoint.address
    )
    endpoint.save()
    bring_key(alice, endpoint, "sk-the-own-key-of-alice-1234")
    limit = SpendLimit.objects.create(
        scope="member", key=str(alice.pk), period="total", requests=99
    )
    open_window = ScheduleWindow.objects.create(
        weekdays=[1, 2, 3, 4, 5, 6, 7], start_hour=0, end_hour=0
    )
    link = signin_link(people["superuser"]).rstrip("/").split("/")
    own_config = LLMConfig.objects.create(
        name="Hers", owner=alice, endpoint=fake_config.endpoint, model="m"
    )
    return Stage(
        clients,
        people,
        topic,
        {
            "-": {},
            "alice": {"handle": "alice"},
            "kitchen": {"slug": "kitchen"},
            "builtin-persona": {"persona_slug": "maestro"},
            "public-persona": {"persona_slug": "chef"},
            "private-persona": {"persona_slug": "hermit"},
            "draft-persona": {"persona_slug": "sketch"},
            "builtin-version": {"persona_slug": "maestro", "number": 1},
            "public-version": {"persona_slug": "chef", "number": 1},
            "private-version": {"persona_slug": "hermit", "number": 1},
            "group": {"group_id": group.pk},
            "group-member": {"group_id": group.pk, "member_id": alice.pk},
            "trial": {"persona_slug": "hermit", "trial_id": tried.public_id},
            "trial-stream": {"trial_id": tried.public_id},
            "tried-request": {"request_id": tried.runs.get().request.public_id},
            "builtin-persona-step": {"persona_slug": "maestro", "step": "role"},
            "public-persona-step": {"persona_slug": "chef", "step": "role"},
            "private-persona-step": {"persona_slug": "hermit", "step": "role"},
            "draft-persona-step": {"persona_slug": "sketch", "step": "role"},
            "picture": {"file_name": store_avatar(PICTURE).removeprefix("avatars/")},
            **{
                f"{kind}-persona-file": {"persona_slug": slug, "form": form}
                for kind, slug, form in (
                    ("builtin", "maestro", "forllm"),
                    ("public", "chef", "v2"),
                    ("private", "hermit", "v3"),
                    ("draft", "sketch", "v2"),
                )
            },
            "image": {"image_id": illustrated.images.get().pk},
            "kept-image": {"token": keep_picture(picture, alice)},
            "topic": {"slug": topic.slug, "topic_id": topic.pk},
            "locked-topic": {"slug": locked.slug, "topic_id": locked.pk},
            "stream": {"topic_id": topic.pk},
            "own-post": {"post_id": own.pk},
            "deleted-post": {"post_id": deleted.pk},
            "locked-post": {"post_id": locked.posts.get().pk},
            "reply": {"post_id": done.reply_id},
            "open-ask": {"ask_id": waiting.request.public_id},
            "failed-ask": {"ask_id": failed.request.public_id},
            "answered-ask": {"ask_id": done.request.public_id},
            "open-request": {"request_id": waiting.request.public_id},
            "failed-request": {"request_id": failed.request.public_id},
            "done-request": {"request_id": done.request.public_id},
            # Of an endpoint that is not there, so that it stops nothing here.
            "stop": {"stop_id": Stop.objects.create(scope="endpoint", key="0").pk},
            "endpoint": {"endpoint_id": fake_config.endpoint_id},
            "redirect": {"redirect_id": way.pk},
            "endpoint-price": {
                "endpoint_id": fake_config.endpoint_id,
                "price_id": price.pk,
            },
            "usage-table": {"table": "day"},
            "config": {"config_id": fake_config.pk},
            "own-config": {"config_id": own_config.pk},
            "guide-page": {"step": "name"},
            "limit": {"limit_id": limit.pk},
            # Always open, so that they hold nothing up here.
            "window": {"window_id": open_window.pk},
            "own-identity": {"identity_id": identity.pk},
            "own-alias": {"alias_id": alias.pk},
            "site-alias": {"alias_id": site_alias.pk},
            "system-prompt": {"prompt_id": prompt.pk},
            "signin-link": {"key": link[-2], "token": link[-1]},
            "mail-link": {"key": "made-up"},
            "reset-link": {"uidb36": "1", "key": "made-up-key"},
        },
    )


def run_ask(post: Any, member: User, prepare: Callable[[], None]) -> Any:
    """An ask and what became of it, by the real runner and the fake provider."""
    prepare()
    ask = asks.ask(post=post, member=member)
    runner.run_next()
    return ask
