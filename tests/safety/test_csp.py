"""The policy on every answer, and pages that hold nothing which it forbids."""

import ast
import re

import pytest
from django.conf import settings
from django.test import Client

from forllm import views as site_views
from tests.safety.conftest import Stage
from tests.safety.pages import active_content, parse
from tests.safety.routes import all_routes, is_staff_only
from tests.safety.test_posted_values import source_files

POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}


def policy_of(answer) -> set[str]:
    header = answer.headers.get("Content-Security-Policy", "")
    return {part.strip() for part in header.split(";")}


@pytest.mark.fault("A-XSS-3", "A-XSS-4")
def test_every_page_answers_with_the_policy_and_holds_nothing_it_forbids(stage: Stage):
    looked_at = 0
    for route in all_routes():
        addresses = stage.addresses_of(route)
        assert addresses or is_staff_only(route), f"no object fits {route.name}"
        for address in addresses:
            for actor in ("guest", "owner", "superuser"):
                answer = stage.clients[actor].get(address)

                assert policy_of(answer) == POLICY, address
                if answer.headers.get("Content-Type", "").startswith("text/html"):
                    assert active_content(parse(answer.text)) == [], address
                    looked_at += bool(answer.content)
    assert looked_at > 80


@pytest.mark.fault("A-XSS-3")
def test_refusals_and_errors_answer_with_the_policy(stage: Stage, monkeypatch):
    guest, member = stage.clients["guest"], stage.clients["owner"]
    strict = Client(enforce_csrf_checks=True)
    answers = [
        guest.get("/nothing/here/"),
        guest.get("/settings"),  # a redirect to the same with a slash
        guest.get("/", headers={"host": "evil.example"}),
        guest.put("/posts/preview/"),
        strict.post("/accounts/login/"),
        member.generic("POST", "/posts/preview/", "a", "text/plain; charset=hex"),
        guest.get("/static/css/base.css"),
    ]

    monkeypatch.setattr(site_views, "connection", None)
    answers.append(guest.get("/healthz"))

    assert {answer.status_code for answer in answers} >= {
        301,
        400,
        403,
        404,
        405,
        415,
        500,
    }
    assert [policy_of(answer) for answer in answers] == [POLICY] * len(answers)


_HTML_MAKERS = {"mark_safe", "SafeString", "SafeText", "safe", "html_safe", "__html__"}
# The one module that makes HTML of text, reviewed as a whole.
_REVIEWED = "core/markup.py"


@pytest.mark.fault("A-XSS-4")
def test_html_is_made_of_text_in_one_module_only():
    found = set()
    for path in source_files():
        name = str(path.relative_to(settings.BASE_DIR))
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            word = getattr(node, "attr", getattr(node, "id", ""))
            if isinstance(node, ast.FunctionDef):
                word = node.name
            if word in _HTML_MAKERS and not _is_annotation(tree, node):
                found.add(name)
            if isinstance(node, ast.Call) and _called(node).startswith("format_html"):
                assert _is_literal(node), (
                    f"{name}:{node.lineno} format_html of no literal"
                )

    assert found == {_REVIEWED}


def _is_annotation(tree: ast.Module, node: ast.AST) -> bool:
    """Whether the word says what a function returns or what a field holds."""
    said = (
        getattr(it, "returns", None) or getattr(it, "annotation", None)
        for it in ast.walk(tree)
        if isinstance(it, ast.FunctionDef | ast.AnnAssign)
    )
    return any(it is node for it in said)


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _is_literal(node: ast.Call) -> bool:
    first = node.args[1] if _called(node) == "format_html_join" else node.args[0]
    return isinstance(first, ast.Constant) and isinstance(first.value, str)


@pytest.mark.fault("A-XSS-4")
def test_no_template_switches_escaping_off():
    """Of pages; mails are plain text, in which an escaped sign would stay escaped."""
    unsafe = re.compile(
        r"\|\s*safe(?:seq)?\b|autoescape\s+off|\sstyle=|\son[a-z]+=|<style"
        r"|<script(?![^>]*\ssrc=)|javascript:|hx-on|js:"
    )
    # Mails are plain text, in which an escaped sign would stay escaped.
    templates = sorted(
        path
        for path in settings.BASE_DIR.glob("**/templates/**/*.html")
        if not {".venv", "build", "var"}
        & set(path.relative_to(settings.BASE_DIR).parts)
    )
    found = {
        f"{path.relative_to(settings.BASE_DIR)}: {match[0]}"
        for path in templates
        for match in unsafe.finditer(path.read_text())
    }

    assert len(templates) > 30
    assert found == set()
