"""The six services: how each is started, and how to tell that it works."""

import functools
import http.client
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from forllm.embedded import leash, postgres, valkey
from forllm.embedded.logs import Follower
from forllm.embedded.options import Options, without_provider_keys
from forllm.embedded.paths import Paths, write_private
from forllm.embedded.privileges import Servers
from forllm.embedded.state import State
from forllm.embedded.supervision import Program

# Answers None when the service works, else what is wrong with it.
Check = Callable[[], str | None]

SERVERS = ["postgres", "valkey"]


def programs(
    options: Options, state: State, paths: Paths, servers: Servers
) -> list[Program]:
    """The services that these options ask for, in the order in which they start."""
    found = []
    if not options.database_url:
        command = postgres.command(paths.postgres, paths.sockets)
        leashed = _server(servers, command, paths, "postgres", signal.SIGINT)
        found.append(Program("postgres", leashed, stop_signal="INT", stop_seconds=3))
    if not options.redis_url:
        command = valkey.command(paths.valkey)
        leashed = _server(servers, command, paths, "valkey", signal.SIGTERM)
        found.append(Program("valkey", leashed))
    if options.demo_model:
        command = [*_python("forllm.embedded.model_server"), str(paths.state)]
        found.append(_program("model", command, paths, bare=True))
    worker = [*_python("forllm.worker"), str(options.worker_threads)]
    beat = [*_python("forllm.beat"), str(paths.run / "celerybeat-schedule")]
    web = [*_python("uvicorn"), "forllm.asgi:application", "--host", "127.0.0.1"]
    web += ["--port", str(options.port), "--no-access-log"]
    web += ["--http", "forllm.connections:Protocol", "--limit-concurrency", "800"]
    web.append("--no-proxy-headers")  # the site reads them itself: TRUSTED_PROXIES
    found += [
        _program("worker", worker, paths),
        _program("beat", beat, paths),
        _program("web", [*web, "--timeout-graceful-shutdown", "1"], paths),
    ]
    return found


def checks(options: Options, state: State, paths: Paths) -> Mapping[str, Check]:
    """How to ask each service whether it works. Make it before the worker starts."""
    return {
        "postgres": functools.partial(
            postgres.complaint, paths.sockets, state.postgres_password
        ),
        "valkey": functools.partial(
            valkey.complaint, paths.sockets, state.valkey_password
        ),
        "model": functools.partial(
            _http_complaint, state.model_port, "/health", "127.0.0.1"
        ),
        "worker": _WorkerCheck(paths.log("worker")),
        "web": functools.partial(
            _http_complaint,
            options.port,
            "/healthz",
            urlsplit(site_url(options)).netloc,
        ),
    }


def site_url(options: Options) -> str:
    return options.site_url or f"http://127.0.0.1:{options.port}"


def embedded_environment(
    options: Options, state: State, paths: Paths
) -> dict[str, str]:
    """The settings that the operator left open, as `up` fills them in."""
    values = {"LLM_PRIVATE_HOSTS": _private_hosts(options, state)}
    if not options.secret_key:
        values["SECRET_KEY"] = state.secret_key
    if not options.encryption_keys:
        values["LLM_ENCRYPTION_KEYS"] = state.encryption_key
    if not options.site_url:
        values["SITE_URL"] = site_url(options)
    if not options.database_url:
        password = state.postgres_password
        values["DATABASE_URL"] = postgres.address(paths.sockets, password)
    if not options.redis_url:
        values["REDIS_URL"] = valkey.address(paths.sockets, state.valkey_password)
    return values


def write_embedded_environment(options: Options, state: State, paths: Paths) -> None:
    """Write those settings where every other manage.py command finds them."""
    lines = ["# Written by `manage.py up` at every start. It holds secrets."]
    values = embedded_environment(options, state, paths)
    lines += [f"{name}={value}" for name, value in values.items() if value]
    write_private(paths.environment, "\n".join(lines) + "\n")


def site_environment(options: Options, state: State, paths: Paths) -> dict[str, str]:
    """The environment of the site's processes; no provider's key is in it."""
    return (
        without_provider_keys(dict(os.environ))
        | embedded_environment(options, state, paths)
        | {
            "DJANGO_SETTINGS_MODULE": "forllm.settings",
            "FORLLM_DATA": str(options.data),
            "MALLOC_ARENA_MAX": "2",  # else each thread keeps memory of its own
            "PYTHONUNBUFFERED": "1",
        }
    )


def demo_model_environment(options: Options, state: State) -> dict[str, str]:
    """Where the demo model is; for `manage.py prepare` and nobody else."""
    if not options.demo_model:
        return {}
    return {
        "DEMO_MODEL_URL": f"http://127.0.0.1:{state.model_port}/v1",
        "DEMO_MODEL_KEY": state.model_key,
    }


def _private_hosts(options: Options, state: State) -> str:
    demo = f"127.0.0.1:{state.model_port}" if options.demo_model else ""
    return ",".join(part for part in (options.private_hosts, demo) if part)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _program(
    name: str, command: list[str], paths: Paths, *, bare: bool = False
) -> Program:
    wrapped = leash.wrap(command, bare=bare, pid_file=paths.pid_file(name))
    return Program(name, wrapped)


def _server(
    servers: Servers,
    command: list[str],
    paths: Paths,
    name: str,
    death_signal: signal.Signals,
) -> list[str]:
    return leash.wrap(
        command,
        death_signal=death_signal,
        user=servers.user,
        namespace=servers.namespace,
        bare=True,
        pid_file=paths.pid_file(name),
    )


def _http_complaint(port: int, path: str, host: str) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    # Behind a proxy the plain address may redirect, but never fail.
    return None if status < 400 else f"{path} answered {status}"


class _WorkerCheck:
    """Celery writes "ready." when it takes work; asking it would cost an import."""

    def __init__(self, log: Path) -> None:
        self._follower = Follower(log)
        self._is_ready = False

    def __call__(self) -> str | None:
        if any(" ready." in line for line in self._follower.lines()):
            self._is_ready = True
        return None if self._is_ready else "it does not take work yet"
