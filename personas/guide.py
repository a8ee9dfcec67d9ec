"""The steps in which a persona is written."""

from core.steps import Step, Steps
from personas.definitions import LABELS

STEPS = Steps(
    (
        Step(
            "role",
            "Role and setting",
            ("role", "context"),
            "Who is it, and where do people meet it?",
        ),
        Step("voice", LABELS["voice"], ("voice",), "How does it sound?"),
        Step(
            "knowledge",
            "Knowledge and its gaps",
            ("knowledge", "gaps"),
            "A persona is believed when it knows some things well and says so where it"
            " knows nothing.",
        ),
        Step(
            "constraints",
            LABELS["constraints"],
            ("constraints",),
            "What it keeps to in every answer, whatever it is asked. These are told last.",
        ),
        Step(
            "samples",
            LABELS["sample_queries"],
            ("sample_queries",),
            "Two or three answers in its voice say more than any description.",
        ),
        Step(
            "review",
            "Look it over",
            ("instructions",),
            "This is what models are told. What is missing can be added below.",
        ),
    )
)
