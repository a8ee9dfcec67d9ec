"""What the rate limits add to a page.

    python -m tests.services -- python -m benchmarks.rates [PAGES]

A topic's page for a guest and for a member, with the limits on and off in turn, through
the WSGI handler's middleware and with a real Valkey: the median and the 95th percentile
of the time, and the CPU of this process. Then what counting alone takes.
"""

import statistics
import sys
import time
from collections.abc import Callable

from benchmarks import stage
from tests.fake_llm import FakeLLM

_MUCH = [(10**5, 10.0), (2 * 10**5, 60.0)]


def main() -> None:
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with FakeLLM() as provider:
        stage.prepare(provider)
        _measure(pages)


def _measure(pages: int) -> None:
    from django.conf import settings
    from django.http import HttpRequest
    from django.test import Client, override_settings

    from accounts.models import User
    from core import rates
    from forum.models import Topic

    topic = Topic.objects.first()
    assert topic is not None
    address, host = topic.get_absolute_url(), settings.ALLOWED_HOSTS[0]
    guest, member = Client(), Client()
    member.force_login(User.objects.order_by("pk")[0])
    every = {"guest_pages": _MUCH, "member_pages": _MUCH}
    for name, client in (("guest", guest), ("member", member)):

        def get(client: Client = client) -> None:
            assert client.get(address, SERVER_NAME=host).status_code == 200

        found: dict[str, list[tuple[float, float]]] = {"off": [], "on": []}
        for _ in range(20):
            get()
        for _ in range(pages):
            for state, rates_now in (("off", {}), ("on", every)):
                with override_settings(RATES=rates_now):
                    found[state].append(_timed(get))
        for state, times in found.items():
            _tell(f"{name}, limits {state}", times)
    with override_settings(RATES=every):

        def take() -> None:
            rates.take(HttpRequest(), guest_pages="198.51.100.7")

        _tell("counting alone", [_timed(take) for _ in range(pages)])


def _timed(act: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds on the clock and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


def _tell(name: str, times: list[tuple[float, float]]) -> None:
    walls, cpus = ([it[at] for it in times] for at in (0, 1))
    print(
        f"{name:20} median {statistics.median(walls):6.2f} ms,"
        f" p95 {statistics.quantiles(walls, n=20)[-1]:6.2f} ms,"
        f" CPU {statistics.median(cpus):6.2f} ms"
    )


if __name__ == "__main__":
    main()
