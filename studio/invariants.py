"""What must hold of tries on the test bench whenever the site is quiet."""

from llmqueue.invariants import Rule, Violation, check_rules

RULES = (
    Rule(
        "I2",
        "done tries without their answer",
        "SELECT request.id FROM queue_llmrequest request LEFT JOIN studio_trialrun run"
        " ON run.request_id = request.id WHERE request.kind = 'test'"
        " AND request.status = 'complete' AND coalesce(run.answer, '') = ''",
    ),
    Rule(
        "I2",
        "answers of tries that are not done",
        "SELECT request.id FROM queue_llmrequest request JOIN studio_trialrun run"
        " ON run.request_id = request.id WHERE request.status <> 'complete'"
        " AND run.answer <> ''",
    ),
    Rule(
        "I3",
        "requests of the kind test that no try belongs to",
        "SELECT request.id FROM queue_llmrequest request LEFT JOIN studio_trialrun run"
        " ON run.request_id = request.id WHERE request.kind = 'test' AND run.id IS NULL",
    ),
)


def check_studio() -> list[Violation]:
    """The broken promises of the test bench; empty when all hold."""
    return list(check_rules(RULES))
