"""Text is data: it is never a template, a format, an expression or a pickle."""

import ast
import re
from html import escape

import pytest
from django.conf import settings

from forum.services import asks, posts
from llmqueue.work import runner
from personas.models import Persona
from tests.safety.conftest import Stage
from tests.safety.test_posted_values import source_files

TEMPLATES_OF_OTHERS = (
    "{{7*7}} {% debug %} {0.__class__} {settings.SECRET_KEY} %s %(a)s ${7*7} #{7*7}"
    " {{ settings.SECRET_KEY }} {{ request.user.password }} {% load x %} <%= 7*7 %>"
)

_UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle"}
_UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "Template", "from_string"}


@pytest.mark.fault("A-PRIV-2")
def test_no_code_of_ours_can_run_what_it_reads():
    found = []
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text())):
            where = (
                f"{path.relative_to(settings.BASE_DIR)}:{getattr(node, 'lineno', 0)}"
            )
            match node:
                case ast.Import(names=names):
                    bad = {name.name.split(".")[0] for name in names} & _UNSAFE_MODULES
                    found += [f"{where} {name}" for name in bad]
                case ast.ImportFrom(module=str(module)):
                    if module.split(".")[0] in _UNSAFE_MODULES:
                        found.append(f"{where} {module}")
                case ast.Call(func=ast.Name(id=name)) if name in _UNSAFE_CALLS:
                    found.append(f"{where} {name}")
                case ast.Call(func=ast.Attribute(attr=name, value=value)):
                    is_regex = isinstance(value, ast.Name) and value.id == "re"
                    if name in _UNSAFE_CALLS and not is_regex:
                        found.append(f"{where} {name}")

    assert found == []


@pytest.mark.fault("A-PRIV-2")
def test_messages_and_sessions_are_json():
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_SERIALIZER == "json"
    assert "pickle" not in getattr(settings, "SESSION_SERIALIZER", "json").lower()


@pytest.mark.fault("A-PRIV-2")
def test_text_that_looks_like_a_template_comes_out_as_it_is(stage: Stage, fake_llm):
    alice = stage.people["owner"]
    maestro = Persona.objects.get(slug="maestro")
    maestro.name = "{{7*7}} {0.__class__}"
    maestro.current_version = maestro.versions.create(
        number=2, role="Nobody", instructions=TEMPLATES_OF_OTHERS
    )
    maestro.save()
    topic = posts.create_topic(
        subforum=stage.topic.subforum,
        author=alice,
        title="{{7*7}} %s {0.__class__}",
        body=f"`{TEMPLATES_OF_OTHERS}`",
    )
    fake_llm.always_answers(f"`{TEMPLATES_OF_OTHERS}`")
    maestro.refresh_from_db()
    ask = asks.ask(post=topic.posts.get(), member=alice, persona=maestro)
    while ask.request.is_open:
        runner.run_next()
        ask.request.refresh_from_db()

    sent = "\n".join(m["content"] for m in fake_llm.calls()[-1].body["messages"])
    page = stage.clients["guest"].get(topic.get_absolute_url()).text
    assert sent.count(TEMPLATES_OF_OTHERS) == 2
    assert 'topic="{{7*7}} %s {0.__class__}"' in sent
    assert page.count(escape(TEMPLATES_OF_OTHERS, quote=False)) == 2
    assert len(re.findall(r"{{7\*7}} {0\.__class__}", page)) >= 2  # the persona's name
