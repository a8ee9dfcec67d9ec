"""Counting tokens."""

import pytest

from llmconfig.tokens import count_tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("Hello", 1), ("Hello, world!", 4), ("<|endoftext|>", 7)],
)
def test_count_tokens_counts(text, count):
    assert count_tokens(text) == count


def test_count_tokens_takes_any_text():
    assert count_tokens("\ud800\0" * 100) > 0
    assert count_tokens("a" * 40_000) > 1000
