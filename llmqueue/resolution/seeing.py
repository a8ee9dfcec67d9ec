"""Pictures beside the text to answer: the config's model for pictures answers then.

A config without one answers all the same, told the descriptions only; whoever asks is
told so before, and readers under the reply.
"""

from dataclasses import replace

from llmqueue.handlers import Inputs
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import ModelChoice, Step
from llmqueue.resolution.redirecting import redirected

RULE = "the post has pictures"


def seeing(
    inputs: Inputs, choice: ModelChoice, lookups: Lookups
) -> tuple[ModelChoice, tuple[Step, ...]]:
    """What answers in the place of `choice` where there are pictures, and the step to it.

    A redirect from the model for pictures is followed as any other; if it leads to what
    is switched off, or is blind, that model is not asked, and `choice` stays.
    """
    if not inputs.pictures or (seen := _with_eyes(choice)) is None:
        return choice, ()
    step = Step(RULE, True, _why(inputs, choice, seen))
    moved = redirected(seen, member=inputs.member, lookups=lookups)
    if len(moved.redirects) == len(seen.redirects):
        return seen, (step,)
    there = _with_eyes(moved)
    if there is None or not there.endpoint.is_enabled:
        return choice, ()
    if redirected(there, member=inputs.member, lookups=lookups) != there:
        return choice, ()
    return there, (step, *moved.redirects[len(seen.redirects) :])


def _with_eyes(choice: ModelChoice) -> ModelChoice | None:
    """The same config with its model for pictures; None if it has none."""
    config = choice.config
    if config is None or not config.vision_model:
        return None
    return replace(choice, model=config.vision_model, sees=True)


def _why(inputs: Inputs, choice: ModelChoice, seen: ModelChoice) -> str:
    pictures = "a picture" if inputs.pictures == 1 else f"{inputs.pictures} pictures"
    return (
        f"The post has {pictures}, so {choice}'s model for them answers: {seen.model}."
    )


def note_of_blindness(inputs: Inputs, choice: ModelChoice) -> tuple[str, ...]:
    """What readers are told when the model did not see the pictures."""
    if not inputs.pictures or choice.sees:
        return ()
    what = "picture was" if inputs.pictures == 1 else f"{inputs.pictures} pictures were"
    return (f"{choice} cannot see: the {what} only described to it.",)
