"""Staff's *answer with that instead of this*, wherever a model was chosen."""

from collections.abc import Collection
from dataclasses import replace

from accounts.models import User
from llmconfig.models import Endpoint, LLMConfig, Redirect
from llmqueue.resolution.lookups import Lookups
from llmqueue.resolution.receipts import ModelChoice, Step


def redirected(
    choice: ModelChoice, *, member: User | None, lookups: Lookups
) -> ModelChoice:
    """What answers instead of `choice`, with a step for each redirect; itself if none does.

    A redirect is followed once: if an endpoint or config was changed so that redirects
    lead in a circle, what stands where they would begin again answers.
    """
    followed: set[int] = set()
    while redirect := lookups.redirect_from(choice.endpoint, choice.model):
        target = redirect.to
        if target is None or redirect.pk in followed:
            break
        if stays_on_own_key(
            lookups.own_keys(member), chosen=choice.endpoint, target=target.endpoint
        ):
            break
        followed.add(redirect.pk)
        choice = _moved(choice, redirect, target)
    return choice


def stays_on_own_key(
    own_keys: Collection[int], *, chosen: Endpoint, target: Endpoint
) -> bool:
    """Whether the call is paid by the member's own key, and could not be at `target`.

    `own_keys`: the endpoints for which they have one that is used. A failing own key
    counts too: no call of it goes to the site's bill, however it is sent elsewhere.
    """
    return chosen.pk in own_keys and target.pk not in own_keys


def _moved(choice: ModelChoice, redirect: Redirect, target: LLMConfig) -> ModelChoice:
    by = redirect.made_by
    who = f"@{by.handle.name}" if by is not None else "staff"
    note = f"{target} was asked instead of {choice}, by a redirect of {who}"
    note += f": {redirect.reason}" if redirect.reason else "."
    return replace(
        ModelChoice(target.endpoint, target.model, target),
        # The rung that chose goes on telling what it chose.
        why=choice.why or str(choice),
        redirects=(*choice.redirects, Step("a redirect by staff", True, note)),
    )
