"""Turn the shop's topology into programs with ports, environments and secrets."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import sys
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGQUIT, Signals

from gameday.demo.schema import OWNER_ROLE
from gameday.demo.settings import CACHE_PASSWORD, DATABASE_PASSWORD, Link, Settings
from gameday.demo.topology import Process, Topology
from gameday.targets.local.child import Program
from gameday.targets.local.ports import HOST, Reservations
from gameday.targets.local.programs import Postgres
from gameday.targets.local.wire import Json

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
_MAX_CONNECTIONS = 240  # a hundred for each replica of web, the node's, and some to look around with
_POSTGRES_OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": str(_MAX_CONNECTIONS),
    "fsync": "off",  # the database lives as long as the run
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so nothing is left elsewhere
    "scram_iterations": "1",  # the passwords are random: stretching them would only make connecting slow
    "log_min_error_statement": "panic",  # a statement may hold a secret
    "autovacuum": "off",
}


@dataclass(frozen=True, slots=True)
class Passwords:
    """Random for every node; they reach nothing but environments, a pipe and a file that is removed at once."""

    owner: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    web: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    cache: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


class Wiring:
    """
    Knows each process's program.

    Args:
        topology: What there is.
        reservations: Where ports come from.
        folder: The node's temporary folder.
        logs: Where each process's log goes, as ``NAME.log``.
        query_s: How long the product query takes.
        bypass: Edge -> share of the caller's connections that go around the proxy.
    """

    def __init__(
        self,
        topology: Topology,
        reservations: Reservations,
        *,
        folder: Path,
        logs: Path,
        query_s: float,
        bypass: Mapping[str, float],
    ) -> None:
        """Reserve a port for each replica and each edge."""
        self.passwords = Passwords()
        self.replica_ports = {
            instance: reservations.reserve() for process in topology.processes for instance in process.instances
        }
        self.service_ports = {process.name: self.replica_ports[process.instances[0]] for process in topology.processes}
        self.edge_ports = {str(edge): reservations.reserve() for edge in topology.edges}
        self._topology = topology
        self._folder = folder
        self._logs = logs
        self._query_s = query_s
        self._bypass = bypass

    def http(self, process: Process, instance: str, toggles: Mapping[str, bool]) -> Program:
        """Return the program of one replica of a service; ``toggles`` are those to start with."""
        links = {
            callee: Link(
                port=self.edge_ports[f"{process.name} -> {callee}"],
                direct_port=self.service_ports[callee],
                bypass=self._bypass.get(f"{process.name} -> {callee}", 0.0),
            )
            for callee in self._topology.dependencies(process.name)
        }
        settings = Settings(instance, self.replica_ports[instance], links, self._query_s, toggles)
        environment = {**_inherited(), **settings.to_environment()}
        if "database" in links:
            environment[DATABASE_PASSWORD] = self.passwords.web
        if "cache" in links:
            environment[CACHE_PASSWORD] = self.passwords.cache
        return Program(instance, _python(str(process.module)), environment, self._log(instance))

    def helper(self, name: str, module: str, argument: str, *, death_signal: Signals) -> Program:
        """Return the program of a process that holds a fault."""
        command = (*_python(module), argument)
        return Program(name, command, _inherited(), self._log(name), piped=True, death_signal=death_signal)

    def proxy(self, service: str) -> Program:
        """Return the program of the proxy before a service."""
        name = f"{service}-proxy"
        return Program(name, _python("gameday.agent.proxy"), _inherited(), self._log(name), piped=True)

    def proxy_configuration(self, service: str) -> dict[str, Json]:
        """Return what that proxy is told when it starts."""
        edges: dict[str, Json] = {
            str(edge): [HOST, self.edge_ports[str(edge)]] for edge in self._topology.callers(service)
        }
        seed = zlib.crc32(service.encode())  # the same jitter in every run
        return {"seed": seed, "endpoints": self.endpoints(self._topology.process(service).instances), "edges": edges}

    def endpoints(self, instances: Iterable[str]) -> list[Json]:
        """Return where replicas listen, as a proxy is told of them."""
        return [[HOST, self.replica_ports[instance]] for instance in instances]

    def redis(self, program: Path) -> Program:
        """Return the program of the cache; its configuration goes through a pipe, because it holds the password."""
        configuration = (
            f"port {self.service_ports['cache']}",
            f"bind {HOST}",
            f"requirepass {self.passwords.cache}",
            f"dir {_quoted(self._private('cache'))}",
            'save ""',
            "appendonly no",
            "maxmemory 64mb",
            "maxmemory-policy allkeys-lru",
            "set-proc-title no",  # a title is written over the environment, and with it over the run's mark
        )
        text = "\n".join(configuration).encode() + b"\n"
        return Program("cache", (str(program), "-"), _inherited(), self._log("cache"), input=text)

    def initdb(self, programs: Postgres) -> Program:
        """Return the program that creates the database; it reads the owner's password from ``password_file``."""
        command = (
            str(programs.initdb),
            f"--pgdata={self._database / 'data'}",
            f"--username={OWNER_ROLE}",
            f"--pwfile={self.password_file}",
            "--auth=scram-sha-256",
            "--set=scram_iterations=1",
            "--set=dynamic_shared_memory_type=mmap",
            "--locale=C",
            "--encoding=utf8",
            "--no-sync",
            "--no-instructions",
        )
        return Program("initdb", command, _inherited(), self._log("database"), user=database_user())

    def postgres(self, programs: Postgres) -> Program:
        """Return the program of the database: SIGINT is its fast shutdown, SIGQUIT its immediate one."""
        options = {"port": str(self.service_ports["database"]), **_POSTGRES_OPTIONS}
        flags = tuple(part for name, value in options.items() for part in ("-c", f"{name}={value}"))
        return Program(
            "database",
            (str(programs.server), "-D", str(self._database / "data"), *flags),
            _inherited(),
            self._log("database"),
            user=database_user(),
            stop_signal=SIGINT,
            death_signal=SIGQUIT,
        )

    @property
    def password_file(self) -> Path:
        """Return where the owner's password lies until the database has been created."""
        return self._database / "password"

    def prepare_database(self) -> None:
        """Make the database's folder and the password file, both for the user that it runs as."""
        self._database.mkdir(mode=0o700)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(self.passwords.owner + "\n")
        if (user := database_user()) is not None:
            os.chown(self.password_file, *user)
            os.chown(self._database, *user)

    @property
    def _database(self) -> Path:
        return self._folder / "database"

    def _private(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def _quoted(path: Path) -> str:
    """Write a path as Redis's configuration reads it: TMPDIR may have blanks and worse."""
    text = re.sub(rb"[^\w/. -]", lambda found: b"\\x%02x" % ord(found[0]), os.fsencode(path)).decode()
    return f'"{text}"'


def database_user() -> tuple[int, int] | None:
    """Return whom PostgreSQL runs as: it refuses root, so nobody; None for the user who runs the node."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", module)


def _inherited() -> dict[str, str]:
    """Return what children may know of the environment: nothing that could be a secret."""
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("GAMEDAY_")}
