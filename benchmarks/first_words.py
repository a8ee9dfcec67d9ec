"""How long a member waits: for the answer to asking, and for a persona's first words.

    python -m tests.services -- python -m benchmarks.first_words

Ten asks through the web server while the model needs a minute, in milliseconds of one
POST; then ten replies whose provider sends its first piece at once: seconds from the
start of processing (`claimed_at`) to the first text in a reader's open stream.
"""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from functools import partial

import httpx
from django.test import Client

from benchmarks import stage
from tests.fake_llm import FakeLLM

ROUNDS = 10


def main() -> None:
    with FakeLLM() as provider:
        stage.prepare(provider)
        worker = stage.start_worker()
        try:
            with stage.web() as address:
                time.sleep(5)  # the worker's imports are not what is measured
                measure_first_words(provider, address)
                measure_asking(provider, address)
        finally:
            stage.end(worker)


def measure_asking(provider: FakeLLM, address: str) -> None:
    provider.reset()
    provider.always_answers("Late.", first_delay=60)
    client = _signed_in(address)
    times = []
    for _ in range(ROUNDS):
        page = client.get("/posts/1/ask/").text
        token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        begun = time.perf_counter()
        answer = client.post(
            "/posts/1/ask/", data={"csrfmiddlewaretoken": token, "persona": ""}
        )
        times.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 302, answer.status_code
    print(
        f"asking while the model needs 60 s: median {statistics.median(times):.0f} ms,"
        f" slowest {max(times):.0f} ms"
    )


def measure_first_words(provider: FakeLLM, address: str) -> None:
    from accounts.models import User
    from forum.models import Post
    from forum.services import asks

    provider.reset()
    provider.always_answers("One two three four five six.", chunks=6, delay=0.5)
    owner = User.objects.get(is_superuser=True)
    post = Post.objects.get(number=1)
    waits = []
    for _ in range(ROUNDS):
        seen: list[float] = []
        request = asks.ask(post=post, member=owner).request
        reader = threading.Thread(target=_read, args=(address, post, seen))
        reader.start()
        reader.join(30)
        request.refresh_from_db()
        assert request.claimed_at is not None
        waits.append(seen[0] - request.claimed_at.timestamp())
        stage.wait_until(partial(_is_over, request.pk), seconds=30)
    print(
        f"start of processing to first text in the reader's stream: median"
        f" {statistics.median(waits):.2f} s, slowest {max(waits):.2f} s"
    )


def _is_over(pk: int) -> bool:
    from llmqueue.models import LLMRequest

    return not LLMRequest.objects.unfinished().filter(pk=pk).exists()


def _read(address: str, post: object, seen: list[float]) -> None:
    client = httpx.Client(base_url=address, timeout=30)
    page = client.get(post.topic.get_absolute_url()).text  # type: ignore[attr-defined]
    url = page.split('data-stream="')[1].split('"')[0].replace("&amp;", "&")
    with client.stream("GET", url) as answer:
        for name, _ in _events(answer):
            if name == "text":
                seen.append(time.time())
                return


def _events(answer: httpx.Response) -> Iterator[tuple[str, object]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def _signed_in(address: str) -> httpx.Client:
    from django.conf import settings

    from accounts.models import User

    django_client = Client()
    django_client.force_login(User.objects.get(is_superuser=True))
    value = django_client.cookies[settings.SESSION_COOKIE_NAME].value
    return httpx.Client(
        base_url=address,
        cookies={settings.SESSION_COOKIE_NAME: value},
        headers={"Origin": address},
    )


if __name__ == "__main__":
    main()
