"""What the test bench does for requests of the kind `test`."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.models import User
from core.errors import ForllmError
from forum import replies
from forum.conversations import hold_target
from forum.models import Post
from llmconfig.models import LLMConfig
from llmqueue import askers
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Inputs, OnTrial, Subject
from llmqueue.models import LLMAttempt, LLMRequest, Status
from personas.models import Persona, PersonaVersion
from studio.bench.candidates import DRAFT, of_trial
from studio.bench.conversations import SAMPLE, conversation_of
from studio.models import POST_GONE, Trial, TrialRun
from studio.services import trials

_TRIAL = "trial_run__trial"
# Nothing of these is shown in a list of requests.
_TEXTS = (
    "trial_run__answer",
    f"{_TRIAL}__definition",
    f"{_TRIAL}__sample",
    *(
        f"{_TRIAL}__version__{name}"
        for name in (*PersonaVersion.TEXTS, *PersonaVersion.LISTS)
    ),
)


class TrialHandler:
    """Checks, gathers and keeps what a persona answers on the test bench."""

    kind = trials.TEST
    is_private = True
    may_fall_back = False  # it is of the models that were chosen

    def inputs(self, request: LLMRequest) -> Inputs:
        """Who is on trial; raises Refused when it may not be tried any more."""
        trial = self._run(request).trial
        self._check(request, trial)
        if not _is_on(request.config, request.requested_by):
            raise Refused(
                "no_model", "The chosen model is no longer there.", is_failure=True
            )
        return _inputs(request, of_trial(trial))

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        """The post in its topic, or the tester's own text."""
        trial = self._run(request).trial
        if trial.post is None and not trial.sample:
            raise Refused("gone", POST_GONE)
        if trial.post is not None:
            hold_target(trial.post)
        return conversation_of(
            post=trial.post,
            sample=trial.sample,
            asker=trial.tester,
            key=str(trial.pk),
            most_passages=most_passages,
        )

    def deliver(self, attempt: LLMAttempt, *, text: str, html: str) -> None:
        """Keep the answer with its run; raises Refused if nobody may read it any more."""
        run = self._run(attempt.request)
        self._check(attempt.request, run.trial)
        run.answer = text
        run.save(update_fields=["answer"])

    def ended(self, request: LLMRequest, status: Status) -> None:
        """Nobody is told: whoever waits looks at the trial's page."""

    def visible(self, user: User | None) -> Q:
        """The tester's own; that somebody else tries a persona is nobody's business."""
        own = Q(requested_by=user) if user is not None else Q(pk__in=[])
        return Q(kind=self.kind) & own

    def with_subjects(self, requests: QuerySet[LLMRequest]) -> QuerySet[LLMRequest]:
        """Join the trial, what is tried in it, and on which post; without the texts."""
        joined = requests.select_related(
            f"{_TRIAL}__persona", f"{_TRIAL}__version", f"{_TRIAL}__post"
        )
        return joined.defer(*_TEXTS, f"{_TRIAL}__post__body", f"{_TRIAL}__post__html")

    def subjects(self, requests: Iterable[LLMRequest]) -> dict[int, Subject]:
        """The trial, by the request's id."""
        return {
            it.pk: _subject(it.trial_run.trial)
            for it in requests
            if hasattr(it, "trial_run")
        }

    def outlook(self, requests: Iterable[LLMRequest]) -> dict[int, Inputs | Refused]:
        """What would decide who answers, by the rules of `inputs`; one query."""
        waiting = [it for it in requests if hasattr(it, "trial_run")]
        tried = {it.trial_run.trial.persona_id for it in waiting}
        personas = Persona.objects.filter(pk__in=tried).with_versions()
        by_id = {it.pk: it for it in personas}
        return {
            it.pk: _outlook(it, by_id[it.trial_run.trial.persona_id]) for it in waiting
        }

    def readable(
        self,
        attempt: LLMAttempt,
        sources: Collection[tuple[str, str]],
        user: User | None,
    ) -> set[tuple[str, str]]:
        """Posts as the reply's handler says; drafts and samples of trials they may see."""
        found = replies.readable_posts(attempt, sources, user)
        for kind in (DRAFT, SAMPLE):
            numbers = [int(key) for it, key in sources if it == kind]
            seen = Trial.objects.visible_to(user).filter(pk__in=numbers)
            found |= {(kind, str(pk)) for pk in seen.values_list("pk", flat=True)}
        return found

    def find_place(self, name: str) -> tuple[str, str] | None:
        """None: the queue's page is not narrowed to a bench."""
        return None

    def why_not_retried(self, request: LLMRequest) -> ForllmError | None:
        """That what was tried, or whoever tried it, is no longer there."""
        if not hasattr(request, "trial_run"):
            return Refused("gone")
        return request.trial_run.trial.why_gone()

    def retry(self, *, request: LLMRequest, member: User) -> LLMRequest:
        """Ask the same model again; see `trials.run_again`."""
        return trials.run_again(run=self._run(request), member=member).request

    def _run(self, request: LLMRequest) -> TrialRun:
        """The run with all that is read of it; raises Refused when it is gone."""
        run = (
            TrialRun.objects.select_related(
                "request",
                "trial__tester__handle",
                "trial__persona",
                "trial__version__persona",
                "trial__post__author__handle",
                "trial__post__persona_version__persona",
                "trial__post__topic__subforum",
            )
            .filter(request=request)
            .first()
        )
        if run is None:
            raise Refused("gone")
        return run

    def _check(self, request: LLMRequest, trial: Trial) -> None:
        """Raise Refused unless it may be tried, by rows read this moment."""
        member, post = request.requested_by, trial.post
        askers.check_asker(member)
        shaped = Persona.objects.shaped_by(member).filter(pk=trial.persona_id)
        _check_standing(trial, is_shaped=shaped.exists())
        if post and not Post.objects.visible_to(member).filter(pk=post.pk).exists():
            raise Refused("gone", POST_GONE)


def _check_standing(trial: Trial, *, is_shaped: bool) -> None:
    if refusal := trial.why_gone():
        raise refusal
    if not is_shaped:
        raise Refused("persona_gone", "Whoever tried it no longer shapes the persona.")


def _outlook(request: LLMRequest, persona: Persona) -> Inputs | Refused:
    """The inputs as things stand, or what refuses it; of rows a page has joined."""
    member, trial = request.requested_by, request.trial_run.trial
    try:
        askers.check_joined_asker(member)
        _check_standing(trial, is_shaped=persona.is_shaped_by(member))
    except Refused as refusal:
        return refusal
    number = trial.version.number if trial.version else 0
    named = PersonaVersion(persona=persona, number=number)  # who, and not what
    return _inputs(request, OnTrial(named, ("", "")))


def _inputs(request: LLMRequest, on_trial: OnTrial) -> Inputs:
    post = request.trial_run.trial.post
    return Inputs(
        member=request.requested_by,
        persona=on_trial.version.persona,
        config=request.config,
        on_trial=on_trial,
        pictures=post.images_count if post else 0,
    )


def _is_on(config: LLMConfig | None, member: User | None) -> bool:
    """A trial is of the models that were chosen, and of no others in their place."""
    if config is None or not config.endpoint.is_enabled:
        return False
    return config.is_usable_by(member)


def _subject(trial: Trial) -> Subject:
    return Subject(
        title=str(trial),
        url=trial.get_absolute_url(),
        place="Personas",
        place_url=reverse("personas:persona_list"),
    )
