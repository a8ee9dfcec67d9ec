"""What `up` makes once and keeps: secrets, the model's port, the sockets' folder."""

import base64
import json
import os
import random
import secrets
import socket
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from forllm.embedded.errors import StartRefused
from forllm.embedded.paths import write_private

# Below the ports that systems hand out to outgoing connections (32768 upwards).
_MODEL_PORTS = range(20_000, 32_000)


def _password() -> str:
    return secrets.token_urlsafe(32)


def _secret_key() -> str:
    return secrets.token_urlsafe(48)  # Django wants 50 letters


def _fernet_key() -> str:
    """A key as `Fernet.generate_key` makes it, without importing the library."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@dataclass
class State:
    """The kept values. Losing them loses the members' stored keys: keep a copy."""

    secret_key: str = field(default_factory=_secret_key)
    encryption_key: str = field(default_factory=_fernet_key)
    postgres_password: str = field(default_factory=_password)
    valkey_password: str = field(default_factory=_password)
    supervisor_password: str = field(default_factory=_password)
    model_key: str = field(default_factory=_password)
    model_port: int = 0
    short_folder: str | None = None


def load_state(path: Path) -> State:
    """The kept state; values that are missing are made and not yet saved."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        known = {item.name for item in fields(State)}
        return State(**{name: kept[name] for name in known & kept.keys()})
    except FileNotFoundError:
        return State()
    except (ValueError, AttributeError) as error:
        raise StartRefused(f"{path} cannot be read: {error}") from None


def save_state(state: State, path: Path) -> None:
    write_private(path, json.dumps(asdict(state), indent=2) + "\n")


def choose_model_port(state: State) -> None:
    """Keep the model's port if it is free, else find another."""
    if not state.model_port or not is_free(state.model_port):
        candidates = random.sample(_MODEL_PORTS, 50)
        state.model_port = next(port for port in candidates if is_free(port))


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    return port_error(port) is None


def port_error(port: int) -> OSError | None:
    """Why no server can listen on this port of 127.0.0.1, or None if one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None
