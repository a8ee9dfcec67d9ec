"""Staff's *answer with that instead of this*, wherever a model was chosen."""

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
        if _stays_on_own_key(
            member, lookups, chosen=choice.endpoint, target=target.endpoint
        ):
            break
        followed.add(redirect.pk)
        choice = _moved(choice, redirect, target)
    return choice


def _stays_on_own_key(
    member: User | None, lookups: Lookups, *, chosen: Endpoint, target: Endpoint
) -> bool:
    """Whether the call is paid by the member's own key, and could not be at `target`.

    A failing own key counts too: no call of it goes to the site's bill, however it is
    sent elsewhere.
    """
    is_theirs = lookups.pays_at(member, chosen)
    return is_theirs and not lookups.pays_at(member, target)


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
