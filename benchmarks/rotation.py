"""Rotate 10,000 stored keys while they are used, killing the command again and again.

    python -m tests.services -- python -m benchmarks.rotation [KEYS] [KILLS]

Two processes read keys at random as a worker does before a call, one replaces some, all
with the old and the new encryption key; `manage.py rotate_keys` is killed with SIGKILL
KILLS times and then runs to its end. Prints reads, read errors, and how many keys the old
and the new key alone open.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Event

import django
from cryptography.fernet import Fernet

READERS = 2


def main(count: int = 10_000, kills: int = 3) -> None:
    old, new = os.environ["LLM_ENCRYPTION_KEYS"], Fernet.generate_key().decode()
    _fill(count)
    os.environ["LLM_ENCRYPTION_KEYS"] = f"{new},{old}"
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    users = [
        *(context.Process(target=_read, args=(stop, results)) for _ in range(READERS)),
        context.Process(target=_replace, args=(stop, results)),
    ]
    for user in users:
        user.start()
    begun = time.monotonic()
    left = [_rotate_and_kill(new, count // (kills + 1)) for _ in range(kills)]
    last = subprocess.run(
        [sys.executable, "manage.py", "rotate_keys"], capture_output=True, text=True
    )
    took = time.monotonic() - begun
    stop.set()
    found = [results.get(timeout=60) for _ in users]
    for user in users:
        user.join()
    # Replaced by a page after the command had passed: by the new key as well.
    print(f"keys {count}, kills {kills}, left to do after each {left}, {took:.1f} s")
    print(last.stdout.strip().splitlines()[-1], last.stderr.strip())
    for name, done, errors in found:
        print(f"{name}: {done}, errors {errors}")
    print(f"the old key alone opens {_opened(old)}, the new {_opened(new)} of {count}")


def _fill(count: int) -> None:
    """Members with one key each for one endpoint, by the old key."""
    django.setup()
    from django.core.management import call_command

    from accounts.models import User
    from core.models import Handle
    from llmconfig.models import ApiKey, Endpoint
    from llmconfig.services import keys

    call_command("migrate", verbosity=0)
    address = "https://llm.example/v1"
    endpoint = Endpoint.objects.create(
        name="Fake", provider="compatible", api_base=address
    )
    handles = Handle.objects.bulk_create(
        Handle(name=f"member{number}", skeleton=f"member{number}")
        for number in range(count)
    )
    members = User.objects.bulk_create(
        User(email=f"{it.name}@example.com", handle=it) for it in handles
    )
    ApiKey.objects.bulk_create(
        ApiKey(
            user=member,
            endpoint=endpoint,
            host="llm.example:443",
            secret=keys.encrypt_own_key(
                f"sk-key-of-{member.email}", owner=member, address=address
            ),
        )
        for member in members
    )


def _rotate_and_kill(new: str, at_least: int) -> int:
    """Begin a rotation and kill it once it has done some more; what is left to do."""
    before = _opened(new)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "rotate_keys"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        what, _, progress = line.partition(": ")
        if what == "members' keys" and int(progress.split()[0]) >= before + at_least:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    from llmconfig.models import ApiKey

    return ApiKey.objects.count() - _opened(new)


def _opened(key: str) -> int:
    """How many keys open with this encryption key alone."""
    from cryptography.fernet import InvalidToken

    from llmconfig.models import ApiKey

    fernet, count = Fernet(key), 0
    for secret in ApiKey.objects.values_list("secret", flat=True):
        try:
            fernet.decrypt(secret)
        except InvalidToken:
            continue
        count += 1
    return count


def _read(stop: Event, results: "multiprocessing.Queue[tuple[str, int, int]]") -> None:
    """Read keys at random as a worker does, and compare each with what was entered."""
    django.setup()
    from accounts.models import User
    from core.errors import ForllmError
    from llmconfig.models import Endpoint
    from llmconfig.services import keys

    endpoint, members = Endpoint.objects.get(), list(User.objects.all())
    done = errors = 0
    while not stop.is_set():
        member = random.choice(members)
        try:
            key = keys.call_secrets(endpoint=endpoint, owner=member)
        except ForllmError:
            key = ""
        done += 1
        errors += key != f"sk-key-of-{member.email}"
        time.sleep(0.002)
    results.put(("reads", done, errors))


def _replace(
    stop: Event, results: "multiprocessing.Queue[tuple[str, int, int]]"
) -> None:
    """Enter keys anew, some a second, as members do."""
    django.setup()
    from accounts.models import User
    from llmconfig.models import ApiKey, Endpoint
    from llmconfig.services import keys

    endpoint, members = Endpoint.objects.get(), list(User.objects.all())
    done = 0
    while not stop.is_set():
        member = random.choice(members)
        secret = keys.encrypt_own_key(
            f"sk-key-of-{member.email}", owner=member, address=endpoint.address
        )
        ApiKey.objects.at(endpoint, owner=member).update(secret=secret)
        done += 1
        time.sleep(0.02)
    results.put(("replaced meanwhile", done, 0))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
