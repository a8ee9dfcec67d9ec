"""The guide to a config of one's own: one question a page, the yes at the end."""

from core.steps import Step, Steps

STEPS = Steps(
    (
        Step("name", "Name", ("name",), "What you will look for when you choose it."),
        Step(
            "model",
            "Model",
            ("endpoint", "model"),
            "Which model answers. Any name its provider knows can be written.",
        ),
        Step(
            "pictures",
            "Pictures",
            ("vision_model",),
            "Which of the provider's models answers posts with pictures. Many models see by"
            " themselves: then write the same name again. Empty: it is told only how the"
            " pictures are described.",
        ),
        Step(
            "temperature",
            "Temperature",
            ("temperature",),
            "How freely it chooses its words: 0 stays close to the likeliest, 2 is wild."
            " Most people stay near 0.8. Empty: the provider's own.",
        ),
        Step(
            "length",
            "Length",
            ("max_tokens",),
            "The longest reply, in tokens; a token is about four letters. Empty: what"
            " the model does by itself.",
        ),
        Step("description", "Description", ("description",), "A line for yourself."),
    )
)

# What a config begins with.
FIRST_TEMPERATURE = 0.8
