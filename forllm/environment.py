"""Reading settings from the environment, each checked and named when it is wrong."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

_MAIL_SCHEMES = ("consolemail", "smtp", "smtp+tls", "smtp+ssl")


class Environment:
    """Typed values of the environment; each method stops the start with a clear line.

    `default` None means the variable is required. Every name that is read is kept in
    `names`, which a test compares with `.env.example`.
    """

    def __init__(self, base_dir: Path) -> None:
        self._env = environ.Env()
        self._base_dir = base_dir
        self.names: set[str] = set()

    def _read[T](self, name: str, parse: Callable[[str], T], default: T | None) -> T:
        self.names.add(name)
        raw = os.environ.get(name, "").strip()
        if not raw:
            if default is None:
                raise ImproperlyConfigured(f"{name} is not set. See .env.example.")
            return default
        try:
            return parse(raw)
        except (ValueError, KeyError) as error:
            # The value itself is not shown: it may be a secret.
            reason = error.args[0] if error.args else "wrong value"
            raise ImproperlyConfigured(f"{name} cannot be read: {reason}.") from None

    def text(self, name: str, default: str | None = None) -> str:
        return self._read(name, str, default)

    def flag(self, name: str, default: bool) -> bool:
        return self._read(name, _flag, default)

    def count(self, name: str, default: int) -> int:
        return self._read(name, _count, default)

    def duration(self, name: str, default: float) -> timedelta:
        """A length of time, given in seconds."""
        return self._read(name, _seconds, timedelta(seconds=default))

    def words(self, name: str, default: list[str]) -> list[str]:
        return self._read(name, _list, default)

    def folder(self, name: str, default: str) -> Path:
        """A folder; a relative one lies in the project's folder."""
        return self._base_dir / self._read(name, Path, Path(default))

    def time_zone(self, name: str, default: str) -> str:
        """The name of a time zone, such as Europe/Berlin."""
        return self._read(name, _time_zone, default)

    def web_address(self, name: str, default: str) -> str:
        return self._read(name, _web_address, default)

    def host_ports(self, name: str, default: list[tuple[str, int]]) -> Any:
        """Pairs of host and port, from `host:port,host:port`."""
        return self._read(name, _host_ports, default)

    def networks(self, name: str, default: list[str]) -> list[str]:
        """Addresses and networks, as `10.0.0.1,10.1.0.0/16`."""
        return self._read(name, _networks, default)

    def rates(self, name: str, default: str) -> list[tuple[int, float]]:
        """Pairs of count and seconds, from `50/10s, 200/m`."""
        return self._read(name, _rates, _rates(default))

    def fernet_keys(self, name: str) -> Any:
        """Fernet keys, the first of which encrypts; none when it is not set."""
        none: list[str] = []
        return self._read(name, _fernet_keys, none)

    def database(self, name: str) -> dict[str, Any]:
        def parse(raw: str) -> dict[str, Any]:
            if urlsplit(raw).scheme not in ("postgres", "postgresql"):
                raise ValueError("it has to begin with postgres://")
            found = cast(dict[str, Any], self._env.db_url_config(raw))
            # A socket's folder stands in the host's place, percent-encoded.
            return {**found, "HOST": unquote(found["HOST"])}

        return self._read(name, parse, None)

    def redis(self, name: str) -> str:
        return self._read(name, _redis, None)

    def mail(self, name: str, default: str) -> dict[str, Any]:
        """A mailer for MAILERS, from consolemail:// or smtp[+tls|+ssl]://user:pw@host."""

        def parse(raw: str) -> dict[str, Any]:
            if urlsplit(raw).scheme not in _MAIL_SCHEMES:
                raise ValueError("it has to begin with consolemail:// or smtp")
            found = cast(dict[str, Any], self._env.email_url_config(raw))
            options = {
                "host": found["EMAIL_HOST"],
                "port": found["EMAIL_PORT"],
                "username": found["EMAIL_HOST_USER"],
                "password": found["EMAIL_HOST_PASSWORD"],
                "use_tls": found.get("EMAIL_USE_TLS", False),
                "use_ssl": found.get("EMAIL_USE_SSL", False),
            }
            if "smtp" not in found["EMAIL_BACKEND"]:
                return {"BACKEND": "forllm.mail.EmailBackend", "OPTIONS": {}}
            return {"BACKEND": found["EMAIL_BACKEND"], "OPTIONS": options}

        return self._read(name, parse, parse(default))


def read_environment(base_dir: Path) -> Environment:
    """The environment with `.env` and the embedded parts' file read into the gaps."""
    environ.Env.read_env(base_dir / ".env")
    data = base_dir / (os.environ.get("FORLLM_DATA", "").strip() or "var")
    environ.Env.read_env(data / "embedded.env")
    return Environment(base_dir)


def _flag(raw: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if raw.lower() not in words:
        raise ValueError("it has to be true or false")
    return words[raw.lower()]


def _count(raw: str) -> int:
    if not raw.isascii() or not raw.isdigit() or int(raw) < 1:
        raise ValueError("it has to be a whole number above 0")
    return int(raw)


def _seconds(raw: str) -> timedelta:
    try:
        seconds = float(raw)
    except ValueError:
        raise ValueError("it has to be a number of seconds") from None
    if not 0 < seconds < 1e9:
        raise ValueError("it has to be a number of seconds above 0")
    return timedelta(seconds=seconds)


def _list(raw: str) -> list[str]:
    return [item.strip() for item in raw.split(",") if item.strip()]


def _time_zone(raw: str) -> str:
    try:
        return ZoneInfo(raw).key
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder, a path, nothing
        raise ValueError("it has to be a time zone such as Europe/Berlin") from None


def _web_address(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it has to begin with http:// or https://")
    return f"{parts.scheme}://{parts.netloc}"


def _host_ports(raw: str) -> list[tuple[str, int]]:
    pairs = []
    for item in _list(raw):
        host, _, port = item.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("it has to be a list of host:port")
        pairs.append((host.strip("[]").lower(), int(port)))
    return pairs


def _networks(raw: str) -> list[str]:
    blocks = _list(raw)
    for block in blocks:
        try:
            ip_network(block)
        except ValueError:
            raise ValueError("it has to be a list of addresses or networks") from None
    return blocks


_RATE = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})?([smh])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _rates(raw: str) -> list[tuple[int, float]]:
    found = [_RATE.fullmatch(item) for item in _list(raw)]
    if not all(found):
        raise ValueError("it has to look like 50/10s,200/m")
    return [
        (int(it[1]), int(it[2] or 1) * _UNITS[it[3]]) for it in found if it is not None
    ]


def _fernet_keys(raw: str) -> list[str]:
    keys = _list(raw)
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ValueError("each has to be a Fernet key") from None
    return keys


def _redis(raw: str) -> str:
    if urlsplit(raw).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("it has to begin with redis://, rediss:// or unix://")
    return raw
