"""Voices to begin with; whoever writes a persona goes on from them in their own words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """A card in the guide: its name, and what a persona is told."""

    key: str
    label: str
    words: str


OWN = "own"
VOICES = (
    Voice(
        "plain", "Plain and brief", "Plain words and short sentences; no small talk."
    ),
    Voice("warm", "Warm and patient", "Warm and patient; explains one step at a time."),
    Voice("exact", "Exact", "Precise and orderly; names sources and what is unsure."),
    Voice("playful", "Playful", "Playful and vivid, with images and a light joke."),
)


def split(text: str) -> tuple[str, str]:
    """The key of the voice that `text` begins with, and the rest of it."""
    for voice in VOICES:
        if text.startswith(voice.words):
            return voice.key, text.removeprefix(voice.words).strip()
    return OWN, text


def join(key: str, text: str) -> str:
    """What a persona is told of the voice `key` and the words beside it."""
    begun = next((voice.words for voice in VOICES if voice.key == key), "")
    return "\n".join(part for part in (begun, text.strip()) if part)
