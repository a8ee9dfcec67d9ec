"""Names of personas, who shares them, and what is theirs."""

from tests.mutants.mutant import Mutant

_PUBLISHING = "personas/tests/test_publishing.py"

MUTANTS = [
    Mutant(
        "of two that take a name at once one waits",
        "personas/services/versions.py",
        "        hold_name(kept.name)\n",
        "",
        (
            f"{_PUBLISHING}::test_of_two_that_take_a_name_at_once_one_has_it_and_the_other_is_told",
        ),
    ),
    Mutant(
        "who may share is asked once publishing has its turn",
        "personas/services/versions.py",
        "if visibility and current is None and may_share:",
        "if visibility and current is None:",
        (
            f"{_PUBLISHING}::test_who_is_an_editor_by_the_time_it_is_published_does_not_share",
        ),
    ),
    Mutant(
        "a private persona is known by an answer while that stands",
        "llmqueue/pages/known_names.py",
        'return request.status == Status.COMPLETE and getattr(request, "has_answer", False)',
        "return request.status == Status.COMPLETE",
        (
            "tests/safety/test_private_persona.py::test_a_reply_that_was_deleted_names_its_private_persona_no_more",
        ),
    ),
    Mutant(
        "a picture that is stored again is not removed",
        "core/images.py",
        "        os.utime(_path(name))",
        "        os.stat(_path(name))",
        (
            "personas/tests/test_pictures.py::test_a_picture_that_is_stored_again_while_it_is_being_cleaned_stays",
        ),
    ),
]
