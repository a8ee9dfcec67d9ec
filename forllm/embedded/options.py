"""What the environment says to `manage.py up`."""

import os
from dataclasses import dataclass
from pathlib import Path

import environ

from forllm.embedded.errors import StartRefused
from forllm.embedded.paths import PROJECT
from llmconfig.environment import is_provider_variable


@dataclass(frozen=True)
class Options:
    """The settings of `up`; an empty address means "run the embedded server"."""

    data: Path
    port: int
    user: str
    demo_model: bool
    database_url: str
    redis_url: str
    site_url: str
    secret_key: str
    encryption_keys: str
    private_hosts: str
    worker_threads: int


def read_options() -> Options:
    """Read `.env` into the gaps of the environment, and the environment into options.

    Raises StartRefused naming the variable that cannot be read.
    """
    environ.Env.read_env(PROJECT / ".env")
    return Options(
        data=(PROJECT / (_text("FORLLM_DATA") or "var")).absolute(),
        port=_number("PORT", 8000, 65_535),
        user=_text("FORLLM_USER"),
        demo_model=_flag("DEMO_MODEL", True),
        database_url=_text("DATABASE_URL"),
        redis_url=_text("REDIS_URL"),
        site_url=_text("SITE_URL"),
        secret_key=_text("SECRET_KEY"),
        encryption_keys=_text("LLM_ENCRYPTION_KEYS"),
        private_hosts=_text("LLM_PRIVATE_HOSTS"),
        worker_threads=_number("WORKER_THREADS", 16, 1000),
    )


def without_provider_keys(environment: dict[str, str]) -> dict[str, str]:
    """The environment for the site's processes.

    None of them may have what LiteLLM takes up by itself: the site uses only keys that
    were entered on its pages.
    """
    return {
        name: value
        for name, value in environment.items()
        if not is_provider_variable(name)
    }


def _text(name: str) -> str:
    return os.environ.get(name, "").strip()


def _number(name: str, default: int, highest: int) -> int:
    text = _text(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= highest:
        raise StartRefused(
            f"{name} has to be a number from 1 to {highest}, not {text!r}."
        )
    return int(text)


def _flag(name: str, default: bool) -> bool:
    text = _text(name).lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    if text:
        raise StartRefused(f"{name} has to be true or false, not {text!r}.")
    return default
