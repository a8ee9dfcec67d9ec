"""That the list of `tests.mutants` fits the code; `make mutants` tries them."""

from collections import Counter

import pytest

from forllm.embedded.paths import PROJECT
from tests.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_takes_away_something_that_is_there(mutant):
    text = (PROJECT / mutant.file).read_text()

    spoilt = mutant.spoil(text)

    assert spoilt != text
    compile(spoilt, mutant.file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_of_a_mutant_are_there(mutant):
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert name, f"{test} names no test of its file"
        assert f"def {name}(" in (PROJECT / file).read_text()


def test_names_of_mutants_are_single():
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


@pytest.mark.parametrize(
    "mutant",
    [
        Mutant("gone", "x.py", "no such text", "", ()),
        Mutant("twice", "x.py", "a", "b", ()),
        Mutant("the same", "x.py", "once", "once", ()),
    ],
    ids=lambda mutant: mutant.name,
)
def test_a_mutant_that_cannot_be_made_is_refused(mutant):
    with pytest.raises(ValueError, match=mutant.name):
        mutant.spoil("a a once")


@pytest.mark.requirement("D-37")
@pytest.mark.parametrize(
    "app", "accounts core forum llmconfig llmqueue personas studio".split()
)
def test_every_app_has_tests_of_its_own_and_guards_that_tests_notice(app):
    tests = [path.read_text() for path in (PROJECT / app / "tests").glob("test_*.py")]

    assert sum(text.count("\ndef test_") for text in tests) >= 10
    assert any(mutant.file.startswith(f"{app}/") for mutant in MUTANTS)
