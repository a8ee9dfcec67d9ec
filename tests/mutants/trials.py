"""What the test of an endpoint may show, and where its key may go."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "a sample never repeats a piece of the key",
        "llmconfig/trial_words.py",
        'if any(_repeats(f"{text} {said}", spelling) for spelling in spellings_of(key)):',
        "if key and key in said:",
        (
            "llmconfig/tests/test_trial.py::test_a_sample_never_repeats_a_piece_of_the_key",
        ),
    ),
    Mutant(
        "names of models are plain letters, and no key",
        "llmconfig/listing.py",
        "if _NAME.fullmatch(name) and not any(it in name for it in told)",
        "if _NAME.fullmatch(name)",
        (
            "llmconfig/tests/test_trial.py::test_read_models_keeps_so_many_names_of_plain_letters",
        ),
    ),
    Mutant(
        "a model that does not stream is not called working",
        "llmconfig/small_calls.py",
        '    if not reason:\n        raise CallFailed("overloaded")\n',
        "",
        (
            "llmconfig/tests/test_trial.py::test_a_trial_tells_that_only_streaming_fails",
        ),
    ),
]
