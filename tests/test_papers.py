"""What the papers and lists say is so: variables, files, links, versions, rows."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from forllm.settings import env
from tests import rows

PROJECT = Path(settings.BASE_DIR)
PAPERS = [
    *PROJECT.glob("*.md"),
    *(PROJECT / "docs").rglob("*.md"),
]
PACKAGES = "accounts core forllm forum llmconfig llmqueue personas studio".split()
# Given by one process of ours to another, never by an operator.
INTERNAL = {"DEMO_MODEL_URL", "DEMO_MODEL_KEY", "DJANGO_SETTINGS_MODULE"}
LIFE_OF_A_REPLY = [
    "forum/services/asks.py",
    "llmqueue/services.py",
    "llmqueue/tasks.py",
    "llmqueue/work/claims.py",
    "llmqueue/work/freezing.py",
    "llmconfig/client.py",
    "llmqueue/answers/judging.py",
    "llmqueue/work/outcomes.py",
]


def code(pattern="*.py"):
    """Our files that run on a site, tests left out."""
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob(pattern)):
            if "tests" not in path.parts:
                yield path


def calls(path):
    tree = ast.parse(path.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def literal(node):
    return node.value if isinstance(node, ast.Constant) else None


def variables_of_up():
    """What `manage.py up` reads, each by one call of its three readers."""
    readers = {"_text", "_number", "_flag"}
    return {
        literal(call.args[0])
        for call in calls(PROJECT / "forllm/embedded/options.py")
        if getattr(call.func, "id", "") in readers and literal(call.args[0])
    }


def read_elsewhere():
    """Variables whose name stands beside `os.environ` anywhere in the code."""
    name = re.compile(r"""environ(?:\.get\(|\.pop\(|\[)\s*["']([A-Z][A-Z0-9_]*)["']""")
    return {found for path in code() for found in name.findall(path.read_text())}


def listed_variables():
    return re.findall(
        r"(?m)^#? ?([A-Z][A-Z0-9_]*)=", (PROJECT / ".env.example").read_text()
    )


@pytest.mark.requirement("R-08", "Q-66")
def test_env_example_lists_every_variable_once_and_no_other():
    listed = listed_variables()

    assert sorted(listed) == sorted(env.names | variables_of_up())


@pytest.mark.requirement("R-08")
def test_env_example_misses_no_variable_that_code_reads_directly():
    # LITELLM_ and TIKTOKEN_ are set for a library, not read.
    of_libraries = ("LITELLM_", "TIKTOKEN_")
    found = {name for name in read_elsewhere() if not name.startswith(of_libraries)}

    assert found - INTERNAL <= set(listed_variables())


def test_architecture_names_the_eight_files_of_a_reply_in_order():
    text = (PROJECT / "ARCHITECTURE.md").read_text()

    named = re.findall(r"(?m)^\d\. `([^`]+)`:", text)

    assert named == LIFE_OF_A_REPLY
    assert [name for name in named if not (PROJECT / name).is_file()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_links_of_papers_resolve(paper):
    links = re.findall(r"\]\(([^)\s]+)\)", paper.read_text())

    broken = [
        link
        for link in links
        if not link.startswith(("https://", "http://", "#"))
        and not (paper.parent / link.partition("#")[0]).exists()
    ]

    assert broken == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_files_that_papers_name_exist(paper):
    names = re.findall(r"`([\w./-]+/[\w./-]+\.(?:py|txt|sh))`", paper.read_text())

    missing = [name for name in names if not _is_there(name)]

    assert missing == []


def _is_there(name):
    return "APP/" in name or (PROJECT / name).is_file()


def test_commands_that_papers_name_exist():
    known = {*get_commands(), "up"}  # `up` runs before Django is there

    named = {
        command
        for paper in PAPERS
        for command in re.findall(r"manage\.py\s+([a-z_]+)", paper.read_text())
    }

    assert named <= known


def test_marks_name_known_rows():
    groups = rows.read_groups(rows.LISTS.read_text())

    assert rows.unknown(rows.all_marks(), groups) == []


def test_rows_are_listed_once():
    groups = rows.read_groups(rows.LISTS.read_text())
    ids = [row for group in groups.values() for row in group]

    assert [row for row in ids if ids.count(row) > 1] == []


def test_rows_finds_every_way_to_write_a_mark():
    source = (
        "pytestmark = [pytest.mark.fault('F01')]\n"
        "@pytest.mark.requirement('Q-01', name)\n"
        "@pytest.mark.django_db('other')\n"
        "def test_one(): ...\n"
        "CASES = [pytest.param(1, marks=pytest.mark.requirement('Q-02'))]\n"
    )

    found = {mark.row for mark in rows.find_marks(source, "a.py")}

    assert found == {"F01", "Q-01", "?", "Q-02"}


def test_rows_names_a_mark_of_no_list(monkeypatch, capsys):
    monkeypatch.setattr(rows, "all_marks", lambda: [rows.Mark("Q-999", "a.py:3")])

    code = rows.main()

    assert code == 1
    assert "a.py:3: Q-999 is in no list" in capsys.readouterr().err


@pytest.mark.requirement("M-03", "M-40")
@pytest.mark.parametrize(
    ("words", "places"),
    [
        (r"^\s*(import|from) litellm\b", ["llmconfig/client.py"]),
        (r"\bclient\.complete\(", ["llmqueue/work/runner.py"]),
        (
            r"\bcomposing\.compose\(",
            ["llmqueue/work/freezing.py", "studio/bench/previews.py"],
        ),
    ],
    ids=["litellm", "call", "prompt"],
)
def test_there_is_one_way_to_a_model_and_one_to_a_prompt(words, places):
    found = [
        str(path.relative_to(PROJECT))
        for path in code()
        if re.search(words, path.read_text(), flags=re.MULTILINE)
    ]

    assert found == places
