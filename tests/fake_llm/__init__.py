"""A model provider of the tests' own: OpenAI's and Anthropic's protocols over HTTP.

It answers as it was told, each way of failing included, and writes down every request
and how its connection ended. That log, not the worker's word, is what tests look at.
Used as the fixture `fake_llm`, or as a process of its own:
`python -m tests.fake_llm --port 0 --log requests.jsonl` prints its address. There,
a model's name may choose the mode, such as `fake-hang`, and replies can be queued by
POST /_answers (the fields of `Reply` as JSON); GET /_requests is the log.
"""

from tests.fake_llm.replies import Reply
from tests.fake_llm.seen import Seen
from tests.fake_llm.server import FakeLLM

__all__ = ["FakeLLM", "Reply", "Seen"]
