"""What a model said that declined, where another one answered in its place or none did."""

from dataclasses import dataclass

from llmqueue.models import LLMRequest, Status
from llmqueue.pages.known_names import KnownNames, stands
from llmqueue.resolution.receipts import model_of


@dataclass(frozen=True)
class FirstWords:
    """The first refusal that was not posted: whose, and what it said."""

    model: str
    text: str


def first_words(request: LLMRequest, names: KnownNames) -> FirstWords | None:
    """In what words the first model declined; None: none did, or not for the viewer.

    `request`: a row of `history.with_answers`. Beside an answer that stands all may read
    it who may read that one; else whoever asked, and staff.
    """
    last = request.last_attempt
    if request.is_open or last is None:
        return None
    if not (stands(request) or request.may_be_managed_by(names.viewer)):
        return None
    declined = request.attempts.that_declined().order_by("number")
    if request.status == Status.COMPLETE:
        declined = declined.filter(number__lt=last.number)
    first = declined.first()
    if first is None or names.receipt(request, first.receipt)["persona"]["id"] is None:
        return None
    return FirstWords(model_of(first.receipt), first.answer)
