"""What a resolution says: the steps of its ladders, the choice, and the receipt."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from accounts.models import User
from llmconfig import taken
from llmconfig.models import Endpoint, LLMConfig
from personas.models import (
    Persona,
    PersonaVersion,
    SystemPrompt,
    UserPersonaSettings,
)


@dataclass(frozen=True)
class Step:
    """One rung of a ladder: its name, whether it decided, and why or why not."""

    rule: str
    won: bool
    why: str


@dataclass(frozen=True)
class ModelChoice:
    """An endpoint and a model on it; `config` None means no parameters are sent.

    `why`: what a receipt says of the choice where its name alone does not tell.
    `redirects`: the steps by which it took the place of what a rung chose. `sees`: it is
    the config's model for pictures, since there are some.
    """

    endpoint: Endpoint
    model: str
    config: LLMConfig | None = None
    why: str = ""
    redirects: tuple[Step, ...] = ()
    sees: bool = False

    def __str__(self) -> str:
        return self.config.name if self.config else f"{self.model} ({self.endpoint})"

    @property
    def parameters(self) -> taken.Split:
        """The config's parameters: what is sent of them, and what is left out."""
        given = self.config.parameters if self.config else {}
        kind, address = self.endpoint.kind, self.endpoint.address
        return taken.split(given, kind=kind, address=address, model=self.model)

    def as_json(self) -> dict[str, str | None]:
        """The same as plain values, as a receipt keeps it."""
        return {
            "config": self.config.name if self.config else None,
            "endpoint": self.endpoint.name,
            "provider": self.endpoint.kind.label,
            "model": self.model,
        }


@dataclass(frozen=True)
class Instructions:
    """What a persona is told beside its name, role and constraints.

    `own`: a member's text; `site`: the site's; neither: what its version says.
    """

    why: str = ""
    own: UserPersonaSettings | None = None
    site: SystemPrompt | None = None

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Receipt:
    """What was resolved for a request, and which rule chose each part of it.

    `source`: (kind, key) of the prompt's parts made of `version`, if that is on trial.
    `member`: who asks, None for the site itself. `pictures`: how many the text to answer
    has. `key_owner`: whose own key the call is made with; None: the site's, or none.
    `most_tokens`: what a reply is held to where the config says nothing, since a limit on
    costs counts on it.
    """

    persona: Persona
    version: PersonaVersion
    choice: ModelChoice
    persona_steps: tuple[Step, ...]
    config_steps: tuple[Step, ...]
    prompt_steps: tuple[Step, ...]
    key_steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    source: tuple[str, str] | None = None
    member: User | None = None
    pictures: int = 0
    instructions: Instructions = Instructions()
    key_owner: User | None = None
    most_tokens: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The sampling parameters that are sent."""
        sent = self.choice.parameters.sent
        return (
            sent
            if self.most_tokens is None
            else sent | {"max_tokens": self.most_tokens}
        )

    @property
    def _pictures(self) -> dict[str, Any]:
        if not self.pictures:
            return {}
        return {"pictures": {"count": self.pictures, "are_seen": self.choice.sees}}

    @property
    def _key_word(self) -> str:
        if self.key_owner is not None:
            return "member"
        return "site" if self.choice.endpoint.site_key else "none"

    @property
    def is_on_fallback(self) -> bool:
        """As `is_on_fallback` of what is stored of it."""
        return any(step.rule == FALLBACK_RULE for step in self.config_steps)

    def as_json(self) -> dict[str, Any]:
        """The receipt as plain values that outlive the rows it names.

        {"persona": {id, name, version}, "model": {config, endpoint, provider, model},
        "parameters": {...}, "left_out": {...}, "key": "member" | "site" | "none",
        "steps": {"persona": [{rule, won, why}], "config": [...], "prompt": [...], "key":
        [...]}, "notes": [str], "pictures": {count, are_seen}}; a draft's version is 0, old
        receipts have no "left_out", and where there were no pictures "pictures" is missing.
        """
        ladders = {
            "persona": self.persona_steps,
            "config": self.config_steps,
            "prompt": self.prompt_steps,
            "key": self.key_steps,
        }
        return {
            "persona": {
                "id": self.persona.pk,
                "name": self.persona.name,
                "version": self.version.number,
            },
            "model": self.choice.as_json(),
            "parameters": self.parameters,
            "left_out": self.choice.parameters.left_out,
            "key": self._key_word,
            "steps": {
                name: [asdict(step) for step in steps]
                for name, steps in ladders.items()
            },
            "notes": list(self.notes),
            **self._pictures,
        }


# The step of a receipt whose model was asked because the first one failed.
FALLBACK_RULE = "the fallback"
# What readers are told of a model that was not called as its endpoint is paused.
PAUSED = "is not answering at the moment"


def is_on_fallback(receipt: dict[str, Any]) -> bool:
    """Whether a stored receipt is of a call to the fallback, or to what stands for it."""
    return any(step["rule"] == FALLBACK_RULE for step in receipt["steps"]["config"])


def model_of(receipt: dict[str, Any]) -> str:
    """What a stored receipt calls its model, in the words of ModelChoice."""
    model = receipt["model"]
    return model["config"] or f"{model['model']} ({model['endpoint']})"


@dataclass(frozen=True)
class Passed:
    """A rung decides nothing, and why. `is_set`: there is something that cannot serve."""

    reason: str
    is_set: bool = False


# A ladder's rung: its rule, and what looks whether it decides.
type Rung[C, T] = tuple[str, Callable[[C], T | Passed]]


def climb[C, T](
    ladder: tuple[Rung[C, T], ...], context: C, *, why: Callable[[Any], str] = str
) -> tuple[T | None, tuple[Step, ...]]:
    """The first thing a rung gives, and the steps taken; rungs after it are not asked."""
    steps: list[Step] = []
    for rule, look in ladder:
        found = look(context)
        if not isinstance(found, Passed):
            return found, (*steps, Step(rule, True, why(found)))
        steps.append(Step(rule, False, found.reason))
    return None, tuple(steps)


@dataclass(frozen=True)
class Level[T]:
    """A rung as a whole ladder shows it: what it offers, or why it does not.

    `won`: of those that offer something it comes first.
    """

    rule: str
    won: bool
    found: T | Passed


def survey[C, T](ladder: tuple[Rung[C, T], ...], context: C) -> list[Level[T]]:
    """Every rung, also those after the one that decides."""
    levels: list[Level[T]] = []
    has_won = False
    for rule, look in ladder:
        found = look(context)
        wins = not has_won and not isinstance(found, Passed)
        has_won = has_won or wins
        levels.append(Level(rule, wins, found))
    return levels
