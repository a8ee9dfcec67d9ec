"""The sampling parameters of a config: their ranges, and which protocol has them."""

from dataclasses import dataclass

_BOTH = frozenset({"openai", "anthropic"})
_OPENAI = frozenset({"openai"})
_ANTHROPIC = frozenset({"anthropic"})


@dataclass(frozen=True)
class Parameter:
    """One parameter, by the name of its field of `LLMConfig`; `label`: what pages call it.

    `limits`: lowest and highest of what it may be; a None is without end. `protocols`:
    those that it is a part of. `is_extra`: not OpenAI's, but taken by most servers that
    speak its protocol.
    """

    name: str
    label: str
    limits: tuple[int, int | None] | None
    protocols: frozenset[str] = frozenset()
    is_extra: bool = False


PARAMETERS = (
    Parameter("temperature", "Temperature", (0, 2), _BOTH),
    Parameter("top_p", "Top-p", (0, 1), _BOTH),
    Parameter("top_k", "Top-k", None, _ANTHROPIC, is_extra=True),
    Parameter("frequency_penalty", "Frequency penalty", (-2, 2), _OPENAI),
    Parameter("presence_penalty", "Presence penalty", (-2, 2), _OPENAI),
    Parameter("repetition_penalty", "Repetition penalty", (0, 2), is_extra=True),
    Parameter("max_tokens", "Longest reply, in tokens", (1, None), _BOTH),
)
