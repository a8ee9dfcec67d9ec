import pytest

from llmqueue.answers.cleaning import (
    clean_answer,
    whole_sentences,
    without_secret_so_far,
)

TAG = "post-a1b2c3"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Maestro: Hello.", "Hello."),
        ("**Maestro:** Hello.", "Hello."),
        ("maestro : Hello.", "Hello."),
        ("Maestro says: wait.", "Maestro says: wait."),
        ("As Maestro: I quote him.", "As Maestro: I quote him."),
        ("<think>secret plan</think>Hello.", "Hello."),
        ("<think>never closed", ""),
        ("Use <b>bold</b> tags.", "Use <b>bold</b> tags."),
        (f'<{TAG} by="you">Hello.</{TAG}>', "Hello."),
        ("Nul\x00 and \ud800 surrogate", "Nul and  surrogate"),
        ("", ""),
    ],
)
@pytest.mark.requirement("R-06", "O-41")
def test_clean_answer_removes_what_is_not_the_reply(raw, clean):
    assert clean_answer(raw, name="Maestro", tag=TAG) == clean


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("One. Two. Thr", "One. Two."),
        ("He said “go.” And th", "He said “go.”"),
        ("no sentence at all", "no sentence at all"),
        ("Version 1.5 is o", "Version 1.5 is o"),
        ("Done!", "Done!"),
    ],
)
def test_whole_sentences_ends_where_a_sentence_does(text, whole):
    assert whole_sentences(text) == whole


@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize(
    ("so_far", "shown"),
    [
        ("The key is sk-canary-0123", "The key is "),
        ("The key is sk-canary-0123456789.", "The key is [removed]."),
        ("In base64 it is c2stY2FuYXJ5L", "In base64 it is "),
        ("A key begins with sk-", "A key begins with sk-"),
        ("sk-canary is no key.", "sk-canary is no key."),
    ],
)
def test_a_growing_text_never_shows_the_beginning_of_a_key(so_far, shown):
    assert without_secret_so_far(so_far, "sk-canary-0123456789") == shown


def test_a_growing_text_keeps_the_beginning_of_a_word_that_is_no_key():
    assert (
        without_secret_so_far("Run it in lm-stud", "lm-studio") == "Run it in lm-stud"
    )
