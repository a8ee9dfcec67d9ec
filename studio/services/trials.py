"""Trying a persona on the test bench: one request for each model, never posted."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from core.errors import NotAllowed
from forum.models import Post
from llmconfig.models import LLMConfig
from llmqueue import services as queue
from llmqueue.handlers import Inputs
from personas import definitions
from personas.models import Persona, PersonaDraft, PersonaVersion
from studio.bench.candidates import DRAFT, of_trial, problems_of, snapshot_of
from studio.errors import NothingToTry, TestingOff
from studio.models import Trial, TrialRun

TEST = "test"
MOST_CONFIGS = 4


def begin_trial(
    *,
    tester: User,
    chosen: PersonaVersion | PersonaDraft,
    configs: Sequence[LLMConfig],
    post: Post | None = None,
    sample: str = "",
    submission: uuid.UUID | None = None,
) -> Trial:
    """Ask each of `configs` to answer `post`, or `sample`, as `chosen`; nobody else reads it.

    `submission` names one showing of the form: the same one again returns the trial that
    it made. Raises NotAllowed, TestingOff or NothingToTry, having written nothing.
    """
    key = submission or uuid.uuid4()
    if earlier := _begun_before(tester, key):
        return earlier
    try:
        return _begin(tester, chosen, configs, post=post, sample=sample, key=key)
    except IntegrityError:  # sent twice at the same time
        if earlier := _begun_before(tester, key):
            return earlier
        raise


@transaction.atomic
def _begin(
    tester: User,
    chosen: PersonaVersion | PersonaDraft,
    configs: Sequence[LLMConfig],
    *,
    post: Post | None,
    sample: str,
    key: uuid.UUID,
) -> Trial:
    _check(tester, chosen.persona)
    tried: dict[str, Any] = {"version": chosen}
    if isinstance(chosen, PersonaDraft):
        if problems := problems_of(chosen):
            raise NothingToTry("The draft cannot be tried yet: " + " ".join(problems))
        tried = {"definition": snapshot_of(chosen)}
    trial = Trial.objects.create(
        **tried,
        persona=chosen.persona,
        tester=tester,
        post=post,
        sample="" if post else sample,
        submission=key,
    )
    requests = queue.enqueue_all(
        kind=TEST,
        inputs=[_inputs(trial, tester, config) for config in configs],
        place=_place(trial),
    )
    for position, request in enumerate(requests):
        TrialRun.objects.create(trial=trial, request=request, position=position)
    return trial


@transaction.atomic
def run_again(*, run: TrialRun, member: User) -> TrialRun:
    """Ask the same model once more for what ended without an answer.

    A second press returns the same new run. Raises NotAllowed, TestingOff, or Refused
    when persona or post are gone.
    """
    trial = Trial.objects.select_for_update(no_key=True).get(pk=run.trial_id)
    again = TrialRun.objects.filter(request__retry_of=run.request).first()
    if again is not None:
        return again
    if refusal := trial.why_gone():
        raise refusal
    _check(member, trial.persona)
    old = run.request
    request = queue.enqueue(
        kind=TEST,
        inputs=_inputs(trial, member, old.config),
        place=_place(trial),
        retry_of=old,
    )
    return TrialRun.objects.create(trial=trial, request=request, position=run.position)


def erase_copies(*, source: tuple[str, str]) -> None:
    """Take from tries of drafts what a version says whose texts go now.

    `source`: the version as ("persona_version", key); of other kinds no try has a copy.
    """
    kind, key = source
    if kind != "persona_version":
        return
    version = PersonaVersion.objects.get(pk=key)
    drafted = Trial.objects.filter(persona=version.persona_id, version=None)
    for trial in drafted.select_for_update(of=["self"]):
        said = trial.definition or {}
        told = {name: said[name] for name in version.definition if name in said}
        left = definitions.without(told, version.definition)
        if left != told:
            Trial.objects.filter(pk=trial.pk).update(definition=said | left)
            queue.erase(source=(DRAFT, str(trial.pk)))


def _check(member: User, persona: Persona) -> None:
    if not Persona.objects.shaped_by(member).filter(pk=persona.pk).exists():
        raise NotAllowed
    if not queue.ai_is_on_for(member):
        raise TestingOff


def _inputs(trial: Trial, member: User, config: LLMConfig | None) -> Inputs:
    return Inputs(
        member=member,
        persona=trial.persona,
        config=config,
        on_trial=of_trial(trial),
        pictures=trial.post.images_count if trial.post else 0,
    )


def _place(trial: Trial) -> tuple[str, str]:
    return "persona", str(trial.persona_id)


def _begun_before(tester: User, key: uuid.UUID) -> Trial | None:
    return Trial.objects.filter(tester=tester, submission=key).first()
