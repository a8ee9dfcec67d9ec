"""Before the first service starts: look at everything, then write what they need."""

import errno
import os
from dataclasses import dataclass
from typing import TextIO

from forllm.embedded import postgres, privileges, services, valkey, wheels
from forllm.embedded.errors import StartRefused
from forllm.embedded.lock import end_leftovers, take_lock
from forllm.embedded.options import Options
from forllm.embedded.paths import (
    Paths,
    give,
    make_closed,
    make_data_folder,
    place,
    require_free_space,
)
from forllm.embedded.state import (
    State,
    choose_model_port,
    load_state,
    port_error,
    save_state,
)


@dataclass(frozen=True)
class Ground:
    """All that is decided and written before the first service starts."""

    options: Options
    paths: Paths
    state: State
    servers: privileges.Servers
    note: str  # one line on who runs what, if there is something to say
    lock: TextIO  # held as long as it is open


def prepare_ground(options: Options) -> Ground:
    """Check everything that can be checked first, then write the state."""
    make_data_folder(options.data)
    lock = take_lock(options.data / "lock", services.site_url(options))
    state = load_state(options.data / "state.json")
    paths, state.short_folder = place(options.data, state.short_folder)
    end_leftovers(paths)
    _check(options, paths)
    has_servers = not (options.database_url and options.redis_url)
    plan = privileges.plan(options.data, options.user, has_servers=has_servers)
    _take_possession(paths, plan)
    if plan.become:
        privileges.become(plan.become)
    for folder in (paths.logs, paths.run):
        make_closed(folder)
    if options.demo_model:
        choose_model_port(state)
    save_state(state, paths.state)
    services.write_embedded_environment(options, state, paths)
    _make_servers_data(options, state, paths, plan.servers)
    return Ground(options, paths, state, plan.servers, plan.note, lock)


def _check(options: Options, paths: Paths) -> None:
    require_free_space(options.data)
    if not options.database_url:
        for name in ("postgres", "initdb", "psql"):
            wheels.check_program(wheels.postgres(name), "PostgreSQL")
        postgres.check_version(paths.postgres)
    if not options.redis_url:
        wheels.check_program(wheels.valkey(), "Valkey")
    if options.demo_model:
        wheels.check_model()
    error = port_error(options.port)
    if error and error.errno == errno.EADDRINUSE:
        raise StartRefused(
            f"Port {options.port} is used by another program; "
            f"choose another one, such as PORT={options.port + 1}."
        )
    if error:
        raise StartRefused(f"Port {options.port} cannot be used: {error.strerror}.")


def _take_possession(paths: Paths, plan: privileges.Plan) -> None:
    """As root: hand the data to whoever will use it."""
    if os.geteuid() != 0:
        return
    owner = (plan.become.pw_uid, plan.become.pw_gid) if plan.become else (0, 0)
    for folder in {paths.data, paths.private}:
        give(folder, *owner)


def _make_servers_data(
    options: Options, state: State, paths: Paths, servers: privileges.Servers
) -> None:
    folders = [paths.postgres, paths.valkey, paths.sockets]
    for folder in folders:
        make_closed(folder)
    if not options.database_url:
        postgres.initialise(
            paths.postgres, password=state.postgres_password, servers=servers
        )
    if not options.redis_url:
        password = state.valkey_password
        configuration = valkey.write_configuration(
            paths.valkey, paths.sockets, password
        )
        if servers.user:
            os.chown(configuration, *servers.user)
    if os.geteuid() == 0:
        for folder in folders:
            give(folder, *(servers.user or (0, 0)))
