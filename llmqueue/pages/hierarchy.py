"""Every level at which a model or instructions can be set, and which one wins."""

from dataclasses import dataclass

from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.pages.outlook import Answerer, as_resolved
from llmqueue.resolution.config_ladder import survey_configs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.persona_ladder import resolve_persona
from llmqueue.resolution.prompt_ladder import survey_prompts
from llmqueue.resolution.receipts import Instructions, Level, ModelChoice, Passed


@dataclass(frozen=True)
class LevelRow:
    """One level: what is set there, empty if nothing; `why` it does not serve, or what does.

    `temperature` blank: it is not sent.
    """

    rule: str
    won: bool
    name: str = ""
    model: str = ""
    temperature: str = ""
    why: str = ""


@dataclass(frozen=True)
class Hierarchy:
    """Who answers a member as things stand, and all levels of both ladders.

    In words for that member; `rule` is what chose the model.
    """

    answer: Answerer
    rule: str
    models: list[LevelRow]
    prompts: list[LevelRow]

    @property
    def outcome(self) -> str:
        """What answers, or why nothing does, as the end of a sentence."""
        if not self.answer.model:
            return f"nobody answers you: {self.answer.why}"
        return f"{self.answer.model} answers you: {self.rule}."

    def is_won_by(self, name: str) -> bool:
        """Whether the config of this name answers, and nothing stands in for it."""
        return self.answer.model == name


def hierarchy_of(inputs: Inputs) -> Hierarchy:
    """All levels for `inputs`, whose member reads them; a handful of queries."""
    lookups = Lookups([inputs])
    answer = as_resolved(inputs, lookups)
    try:
        persona, _ = resolve_persona(inputs, lookups)
    except Refused:
        return Hierarchy(answer, "", [], [])
    version = persona.current_version
    prompts = survey_prompts(inputs, persona, version, lookups) if version else []
    models = survey_configs(inputs, persona, lookups)
    return Hierarchy(
        answer=answer,
        rule=_to_you(answer.rule),
        models=[_of_model(level) for level in models],
        prompts=[_of_prompt(level) for level in prompts],
    )


def _of_model(level: Level[ModelChoice]) -> LevelRow:
    found = level.found
    if isinstance(found, Passed):
        why = found.reason if found.is_set else ""
        return LevelRow(_to_you(level.rule), False, why=why)
    config = found.config
    temperature = config.temperature if config else None
    return LevelRow(
        rule=_to_you(level.rule),
        won=level.won,
        name=config.name if config else "the model alone",
        model=f"{found.model} at {found.endpoint}",
        temperature="" if temperature is None else f"{temperature:g}",
        why=f"by a redirect, instead of {found.why}" if found.redirects else "",
    )


def _of_prompt(level: Level[Instructions]) -> LevelRow:
    found, rule = level.found, _to_you(level.rule)
    if isinstance(found, Passed):
        return LevelRow(rule, False, why=_to_you(found.reason))
    return LevelRow(rule, level.won, name=found.why)


def _to_you(words: str) -> str:
    """A rule or reason, which speaks of "the member", as that member reads it."""
    return (
        words.replace("The member wrote no", "You wrote no")
        .replace("of their own for", "of your own for")
        .replace("the member's", "your")
        .replace("that the member wrote", "that you wrote")
    )
