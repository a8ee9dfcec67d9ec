"""What waits, and which model would answer it now."""

from dataclasses import dataclass

from llmqueue.models import LLMRequest, Status
from llmqueue.pages import history
from llmqueue.pages.outlook import decide_waiting
from llmqueue.resolution.receipts import ModelChoice, Receipt

# More are not looked at: the answer has to come while somebody waits for it.
MOST_LOOKED_AT = 500


@dataclass(frozen=True)
class Waiting:
    """The requests whose turn comes first, each with its choice; `is_all`: no more wait.

    Those that nobody can answer are left out.
    """

    choices: list[tuple[LLMRequest, ModelChoice]]
    is_all: bool


def what_waits() -> Waiting:
    """What waits and is not decided yet; a handful of queries."""
    pending = LLMRequest.objects.filter(status=Status.PENDING)
    first = pending.order_by("priority", "turn", "pk").values("pk")
    keys = [row["pk"] for row in first[: MOST_LOOKED_AT + 1]]
    rows = history.with_answers(LLMRequest.objects.filter(pk__in=keys), None)
    undecided = [it for it in rows.select_related("lane") if not it.is_frozen]
    decided = decide_waiting(undecided)
    found = ((it, decided[it.pk]) for it in undecided)
    return Waiting(
        choices=[(it, of.choice) for it, of in found if isinstance(of, Receipt)],
        is_all=len(keys) <= MOST_LOOKED_AT,
    )
