"""What is sent beside the text, where no provider of that name can be called."""

from datetime import timedelta

import pytest

from llmconfig.client import Call
from llmconfig.parameters import sent_parameters


@pytest.mark.parametrize(
    ("address", "is_sent"),
    [
        ("https://api.openai.com/v1", False),
        ("https://API.Groq.com/openai/v1", False),
        ("https://openrouter.ai/api/v1", True),
        ("https://llm.example.com/v1", True),
    ],
)
def test_parameters_beyond_openai_s_go_to_who_takes_them(address, is_sent):
    call = Call(
        protocol="openai",
        address=address,
        model="m",
        key="k",
        parameters={"top_k": 3, "top_p": 0.5},
        messages=[],
        deadline=timedelta(seconds=1),
    )

    sent = sent_parameters(call)

    assert sent["top_p"] == 0.5
    assert ("extra_body" in sent) is is_sent
