"""The embedded Valkey: its configuration, its command line, its health."""

import socket
from pathlib import Path
from urllib.parse import quote

from forllm.embedded import wheels
from forllm.embedded.paths import write_private


def socket_path(sockets: Path) -> Path:
    return sockets / "valkey.sock"


def address(sockets: Path, password: str) -> str:
    """The REDIS_URL of the embedded server."""
    return f"unix://:{password}@{quote(str(socket_path(sockets)))}?db=0"


def write_configuration(
    data: Path, sockets: Path, password: str, *, durable: bool = True
) -> Path:
    """Write the configuration, which holds the password, and return its path."""
    lines = [
        "port 0",
        f"unixsocket {_quoted(socket_path(sockets))}",
        "unixsocketperm 700",
        f"requirepass {password}",
        f"dir {_quoted(data)}",
        f"appendonly {'yes' if durable else 'no'}",
        'save ""',
        "maxmemory-policy noeviction",
        "set-proc-title no",
        "daemonize no",
        'logfile ""',
    ]
    configuration = data / "valkey.conf"
    write_private(configuration, "\n".join(lines) + "\n")
    return configuration


def command(data: Path) -> list[str]:
    """The server in the foreground."""
    return [str(wheels.valkey()), str(data / "valkey.conf")]


def complaint(sockets: Path, password: str) -> str | None:
    """None if the server answers PING with our password, else what went wrong."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(socket_path(sockets)))
            connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            answer = b""
            while received := connection.recv(1024):
                answer += received
    except OSError as error:
        return str(error)
    if b"+PONG" in answer:
        return None
    return answer.decode(errors="replace").partition("\r")[0] or "no answer"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
