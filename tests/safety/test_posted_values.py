"""Ids and fields in what is posted: nobody gets more by sending more."""

import ast
import uuid
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts.models import User
from core.services import claim_handle
from forum.models import Ask, Post, SubforumPersona
from llmconfig.models import Endpoint, LLMConfig, ProviderPreference
from llmqueue.models import LLMRequest, ScheduleWindow
from personas.models import Persona, PersonaOwner, Visibility
from tests.safety.conftest import Stage

# Every form field that takes an id, and the test below that tries foreign ones.
ID_FIELDS = {
    "core/forms.py UUIDField": "a token of another member makes a post of one's own",
    "forum/forms/asks.py ModelChoiceField": "personas one may not ask are refused",
    "forum/forms/assignments.py ModelChoiceField": "nor are they assigned anywhere",
    "llmconfig/forms/configs.py ModelChoiceField": "profiles lead to the site's alone",
    "llmconfig/forms/configs.py ModelForm": "configs lead to what one may call",
    "personas/forms/own.py ModelChoiceField": "identities of another member are refused",
    "personas/forms/sharing.py ModelChoiceField": "defaults not open to all are refused",
    "personas/forms/sharing.py ModelMultipleChoiceField": "groups one is not in are refused",
    "studio/forms/hours.py ModelChoiceField": "hours are of what is there",
    "studio/forms/models.py ModelChoiceField": "models of another member are no one else's",
    "studio/forms/redirects.py ModelChoiceField": "redirects lead to the site's models alone",
    "studio/forms/stops.py ModelChoiceField": "only what is there is stopped",
    "studio/forms/bench.py ModelMultipleChoiceField": "models of another member are refused",
}


@pytest.mark.fault("A-IDOR-3")
def test_form_fields_that_take_ids_are_known():
    taking = ("ModelChoiceField", "ModelMultipleChoiceField", "UUIDField", "ModelForm")
    found = set()
    for path in source_files():
        if not {"forms", "views"} & {path.stem, *path.parts}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", getattr(node, "id", ""))
            if name in taking:
                found.add(f"{path.relative_to(settings.BASE_DIR)} {name}")

    assert found == set(ID_FIELDS), "try foreign ids below, then list the field"


def source_files() -> list[Path]:
    """The code of our own apps, without tests and migrations."""
    folders = [
        Path(config.path)
        for config in apps.get_app_configs()
        if Path(config.path).parent == settings.BASE_DIR
    ]
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if not {"tests", "migrations"} & set(path.parts)
    ]


def make_persona(name: str, **fields: object) -> Persona:
    persona = Persona.objects.create(
        **{"handle": claim_handle(name=name), "name": name, "slug": name, **fields}
    )
    persona.current_version = persona.versions.create(number=1, role="Nobody")
    persona.save()
    return persona


@pytest.mark.fault("A-IDOR-3")
def test_groups_one_is_not_in_are_refused(stage: Stage):
    theirs = Group.objects.create(name="Strangers")
    mine = stage.objects["group"]["group_id"]
    address = stage.address("personas:persona_visibility", "private-persona")

    def answer(value: object) -> int:
        form = {"visibility": "groups", "groups": value}
        return stage.clients["owner"].post(address, form).status_code

    for value in (theirs.pk, [mine, theirs.pk], 999_999, -1, "x", "1 OR 1=1", "\x00"):
        assert answer(value) == 422, value
    assert answer(mine) == 302
    assert set(Persona.objects.get(slug="hermit").groups.all()) == {
        Group.objects.get(pk=mine)
    }


@pytest.mark.fault("A-IDOR-3")
def test_defaults_not_open_to_all_are_refused(stage: Stage):
    staff, address = stage.clients["staff"], reverse("personas:site_default_change")
    ids = Persona.objects.filter(slug__in=["hermit", "sketch"]).values_list("pk")

    for value in (*(pk for (pk,) in ids), 999_999, -1, "x", "\x00"):
        staff.post(address, {"default": value})
        assert not Persona.objects.filter(is_global_default=True).exists(), value
    chef = Persona.objects.get(slug="chef")
    staff.post(address, {"default": chef.pk})
    assert Persona.objects.get(is_global_default=True) == chef


@pytest.mark.fault("A-IDOR-3")
def test_only_what_is_there_is_stopped(stage: Stage):
    staff, address = stage.clients["staff"], reverse("studio:stop_create")
    form = {"scope": "endpoint", "reason": "Down.", "running": "finish"}

    for value in (999_999, -1, "x", "\x00"):
        assert staff.post(address, form | {"endpoint": value}).status_code == 422, value
        place = form | {"scope": "place", "subforum": value}
        assert staff.post(address, place).status_code == 422, value


@pytest.mark.fault("A-IDOR-3")
def test_hours_are_of_what_is_there(stage: Stage):
    staff, address = stage.clients["staff"], reverse("studio:window_create")
    form = {"weekdays": "5", "start_hour": "22", "end_hour": "6"}
    before = ScheduleWindow.objects.count()

    for value in (999_999, -1, "x", "\x00"):
        assert staff.post(address, form | {"endpoint": value}).status_code == 422, value
    assert ScheduleWindow.objects.count() == before


@pytest.mark.fault("A-IDOR-3")
def test_models_of_another_member_are_refused(stage: Stage):
    site = LLMConfig.objects.get(name="Fake model")
    theirs = LLMConfig.objects.create(
        name="Theirs", model="m", endpoint=site.endpoint, owner=stage.people["other"]
    )
    address = stage.address("studio:persona_try", "public-persona")
    form = {"version": "1", "sample": "Why soup?", "confirm": "yes"}
    before = LLMRequest.objects.count()

    def answer(value: object) -> int:
        sent = form | {"configs": value}
        return stage.clients["owner"].post(address, sent).status_code

    for value in (theirs.pk, [site.pk, theirs.pk], 999_999, -1, "x", "\x00"):
        assert answer(value) == 422, value
    assert LLMRequest.objects.count() == before
    assert answer(site.pk) == 302


@pytest.mark.fault("A-IDOR-3")
@pytest.mark.requirement("D-33")
def test_models_of_another_member_are_no_one_else_s(stage: Stage):
    site = LLMConfig.objects.get(name="Fake model")
    theirs = LLMConfig.objects.create(
        name="Theirs", model="m", endpoint=site.endpoint, owner=stage.people["other"]
    )
    wish = ProviderPreference.objects.create(
        user=stage.people["other"], endpoint=site.endpoint, model="m"
    )
    owner, before = stage.clients["owner"], LLMRequest.objects.count()
    forms = [
        (reverse("studio:models_edit"), "config"),
        (stage.address("studio:persona_model", "public-persona"), "config"),
        (stage.address("studio:persona_default_model", "public-persona"), "config"),
        (stage.address("studio:persona_default_model", "private-persona"), "config"),
    ]

    for address, field in forms:
        for value in (theirs.pk, 999_999, "x", "\x00"):
            answer = owner.post(address, {field: value})
            assert answer.status_code == 422, (address, value)
        assert owner.post(address, {field: site.pk}).status_code == 302
    for value in (wish.pk, 999_999, -1, "x", "\x00"):
        asked = owner.post(stage.address("forum:ask_create", "reply"), {"wish": value})
        assert asked.status_code == 422, value
        removed = reverse("studio:preference_remove")
        assert value == wish.pk or (
            owner.post(removed, {"endpoint": value}).status_code == 404
        )
    owner.post(reverse("studio:preference_remove"))
    assert ProviderPreference.objects.get() == wish
    assert LLMRequest.objects.count() == before


@pytest.mark.fault("A-IDOR-3")
def test_redirects_lead_to_the_site_s_models_alone(stage: Stage):
    site = LLMConfig.objects.get(name="Fake model")
    theirs = LLMConfig.objects.create(
        name="Theirs", model="m", endpoint=site.endpoint, owner=stage.people["staff"]
    )
    address, staff = reverse("studio:redirect_create"), stage.clients["staff"]
    form = {"endpoint": site.endpoint_id, "model": "m", "reason": "Why not."}

    for value in (theirs.pk, 999_999, "x", "\x00"):
        sent = form | {"to": value, "is_confirmed": "yes"}
        assert staff.post(address, sent).status_code == 422, value
    sent = form | {"to": site.pk, "is_confirmed": "yes"}
    assert staff.post(address, sent | {"endpoint": 999_999}).status_code == 422
    assert staff.post(address, sent).status_code == 302


@pytest.mark.fault("A-IDOR-3")
def test_profiles_lead_to_the_sites_alone(stage: Stage):
    site = LLMConfig.objects.get(name="Fake model")
    theirs = LLMConfig.objects.create(
        name="Theirs", model="m", endpoint=site.endpoint, owner=stage.people["other"]
    )
    staff, address = stage.clients["staff"], reverse("llmconfig:profiles_edit")

    for value in (theirs.pk, 999_999, -1, "x", "\x00"):
        assert staff.post(address, {"fast": value}).status_code == 422, value
    assert staff.post(address, {"fast": site.pk}).status_code == 302


@pytest.mark.fault("A-IDOR-3")
def test_configs_lead_to_what_one_may_call(stage: Stage):
    site = LLMConfig.objects.get(name="Fake model")
    closed = Endpoint.objects.create(name="Closed", provider="openai", open_to="nobody")
    theirs = LLMConfig.objects.create(
        name="Theirs", model="m", endpoint=site.endpoint, owner=stage.people["other"]
    )
    owner, address = stage.clients["owner"], reverse("llmconfig:config_create")
    form = {
        "name": "Mine",
        "endpoint": site.endpoint_id,
        "model": "m",
        "context_posts": 1,
        "context_tokens": 1,
    }

    for wrong in ({"endpoint": closed.pk}, {"endpoint": "x"}, {"fallback": theirs.pk}):
        assert owner.post(address, form | wrong).status_code == 422, wrong
    more = {"owner": "", "is_global": "on", "is_default": "on", "created_by": "1"}
    assert owner.post(address, form | more).status_code == 302
    made = LLMConfig.objects.get(name="Mine")
    assert (made.owner, made.is_default) == (stage.people["owner"], False)


@pytest.mark.fault("A-IDOR-3")
@pytest.mark.requirement("R-21")
def test_identities_of_another_member_are_refused(stage: Stage):
    theirs = stage.objects["own-identity"]["identity_id"]
    address = stage.address("personas:persona_yours", "public-persona")

    def answer(actor: str, value: object) -> int:
        return stage.clients[actor].post(address, {"identity": value}).status_code

    for value in (theirs, 999_999, -1, "1e3", "x", "1 OR 1=1", "\x00"):
        assert answer("other", value) == 422, value
    assert answer("owner", theirs) == 302


@pytest.mark.fault("A-IDOR-3")
def test_personas_one_may_not_ask_are_refused(stage: Stage):
    private = make_persona("recluse", visibility=Visibility.PRIVATE)
    PersonaOwner.objects.create(persona=private, user=stage.people["owner"])
    retired = make_persona("retired", is_active=False, handle=None)
    stranger = make_persona("stranger")
    address = stage.address("forum:ask_create", "own-post")
    before = LLMRequest.objects.count()

    def answer(actor: str, value: object) -> int:
        return stage.clients[actor].post(address, {"persona": value}).status_code

    for value in (private.pk, retired.pk, 999_999, -1, "1e3", "x", "1 OR 1=1", "\x00"):
        assert answer("other", value) == 422, value
    assert answer("owner", retired.pk) == 422
    maestro = Persona.objects.get(slug="maestro")
    SubforumPersona.objects.create(subforum=stage.topic.subforum, persona=maestro)
    for actor in ("other", "owner", "superuser"):
        assert answer(actor, stranger.pk) == 422  # only Maestro is for this subforum
    assert LLMRequest.objects.count() == before


@pytest.mark.fault("A-IDOR-3")
def test_personas_one_may_not_ask_are_assigned_nowhere(stage: Stage):
    private = make_persona("recluse", visibility=Visibility.PRIVATE)
    PersonaOwner.objects.create(persona=private, user=stage.people["owner"])
    retired = make_persona("retired", is_active=False, handle=None)
    slug = stage.topic.subforum.slug
    address = reverse("forum:subforum_personas_change", args=[slug])
    before = SubforumPersona.objects.count()

    for value in (private.pk, retired.pk, 999_999, -1, "1e3", "x", "1 OR 1=1", "\x00"):
        for act in ("add", "default"):
            answer = stage.clients["other"].post(address, {act: value})
            assert answer.status_code == 422, (act, value)
    assert SubforumPersona.objects.count() == before


@pytest.mark.fault("A-IDOR-3")
def test_a_key_of_another_member_s_ask_makes_an_ask_of_one_s_own(stage: Stage):
    address = stage.address("forum:ask_create", "own-post")
    key = str(uuid.uuid4())
    for actor in ("owner", "other"):
        stage.clients[actor].post(address, {"key": key})

    made = Ask.objects.filter(request__idempotency_key=uuid.UUID(key).hex)
    members = made.values_list("request__requested_by", flat=True)
    assert set(members) == {stage.people["owner"].pk, stage.people["other"].pk}


@pytest.mark.fault("A-IDOR-3")
def test_a_token_of_another_member_makes_a_post_of_one_s_own(stage: Stage):
    address = stage.address("forum:reply_create", "own-post")
    form = {"body": "The same words.", "token": str(uuid.uuid4())}
    for actor in ("owner", "other"):
        stage.clients[actor].post(address, form)

    written = Post.objects.filter(body="The same words.")
    authors = written.values_list("author", flat=True)
    assert set(authors) == {stage.people["owner"].pk, stage.people["other"].pk}


# What no form of a member's may set, under every name it has in the models.
SMUGGLED = {
    "author": 1, "author_id": 1, "created_at": "2000-01-01", "deleted_at": "",
    "editor": 1, "handle": "admin", "html": "<script>1</script>", "id": 1,
    "is_active": "1", "is_locked": "1", "is_pinned": "1", "is_staff": "1",
    "is_superuser": "1", "member": 1, "number": 1, "owner": 1, "parent": 1,
    "persona_version": 1, "pk": 1, "priority": 9, "requested_by": 1, "status": "complete",
    "topic": 1, "user": 1, "groups": 1, "user_permissions": 1, "password": "x",
    "email": "evil@example.com", "date_joined": "2000-01-01", "last_login": "",
    "api_base": "https://evil.example", "config": 1, "endpoint": 1, "mode": "x",
    "error_message": "x", "render_version": 0, "path": "x", "posts_count": 99,
}  # fmt: skip


@pytest.mark.fault("A-PRIV-1", "A-IDOR-3")
def test_fields_a_form_does_not_have_change_nothing(stage: Stage):
    bob, client = stage.people["other"], stage.clients["other"]
    before: dict[str, object] = dict(User.objects.filter(pk=bob.pk).values().get())
    client.post("/settings/", SMUGGLED | {"display_name": "Bob", "timezone": "UTC"})
    after: dict[str, object] = dict(User.objects.filter(pk=bob.pk).values().get())
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"display_name"}

    reply = stage.address("forum:reply_create", "own-post")
    client.post(reply, SMUGGLED | {"body": "Mine."})
    post = Post.objects.get(body="Mine.")
    assert (post.author, post.html) == (bob, "<p>Mine.</p>\n")
    assert post.deleted_at is None
    assert post.topic == stage.topic

    client.post(
        stage.address("forum:ask_create", "own-post"), SMUGGLED | {"config": ""}
    )
    request = LLMRequest.objects.latest("pk")
    assert (request.requested_by, request.status, request.priority) == (
        bob,
        "pending",
        0,
    )
    assert (request.config, request.endpoint, request.mode) == (None, None, "general")


@pytest.mark.fault("A-PRIV-1", "A-IDOR-3")
def test_writing_a_persona_makes_nobody_its_owner_and_nothing_the_default(stage: Stage):
    """Each page of it, with everything a persona, a draft and a version could be told."""
    bob, client = stage.people["other"], stage.clients["other"]
    alices = Persona.objects.get(slug="chef")
    more = SMUGGLED | {
        "is_builtin": "1", "is_fallback": "1", "is_global_default": "1", "base": 1,
        "slug": "maestro", "visibility": "public", "default_config": 1, "created_by": 1,
        "definition_public": "1", "own_prompt_allowed": "1", "current_version": 1,
        "persona": alices.pk, "is_confirmed": "1", "avatar_image": "../../state.json",
        "name": "Baker", "role": "a baker", "rows": "1", "number": 7, "reverted_from": 1,
    }  # fmt: skip
    client.post("/personas/new/", more | {"handle": "baker"})
    for path in ("guide/role/", "edit/", "publish/"):
        client.post(f"/personas/baker/{path}", more)

    baker = Persona.objects.get(slug="baker", handle__name="baker")
    assert baker.created_by == bob
    assert list(baker.owners.values_list("user", flat=True)) == [bob.pk]
    [version] = baker.versions.all()
    assert (version.number, version.created_by) == (1, bob)
    assert baker.current_version == version
    flags = (
        "is_builtin is_fallback is_global_default definition_public own_prompt_allowed"
        " default_config avatar_image"
    )
    assert not [flag for flag in flags.split() if getattr(baker, flag)]
    assert not baker.groups.exists()
    assert alices.versions.count() == 1


@pytest.mark.fault("A-PRIV-1")
def test_nobody_signs_up_as_staff(stage: Stage):
    form = SMUGGLED | {
        "handle": "eve", "email": "eve@example.com",
        "password1": "a-long-enough-secret", "password2": "a-long-enough-secret",
    }  # fmt: skip
    stage.clients["guest"].post("/accounts/signup/", form)

    eve = User.objects.get(email="eve@example.com")
    assert (eve.is_staff, eve.is_superuser, eve.groups.count()) == (False, False, 0)


@pytest.mark.fault("A-PRIV-1")
def test_staff_cannot_take_over_a_superuser(stage: Stage):
    """No page lets staff set another's password, address, rights or session."""
    root = stage.people["superuser"]
    before = User.objects.filter(pk=root.pk).values().get()
    staff = stage.clients["staff"]
    for address in ("/settings/", "/accounts/email/", "/accounts/password/change/"):
        staff.post(address, SMUGGLED | {"user": root.pk, "id": root.pk, "pk": root.pk})
    staff.post("/accounts/password/reset/", {"email": root.email})

    assert User.objects.filter(pk=root.pk).values().get() == before
