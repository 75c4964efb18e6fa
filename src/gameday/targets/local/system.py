"""Start and stop the embedded demo system; the supervisor's side of the node."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from gameday.agent.waiting import readable
from gameday.demo.topology import SHOP
from gameday.experiment.model import System
from gameday.targets.local.control import Control
from gameday.targets.local.folder import sweep
from gameday.targets.local.requirements import missing
from gameday.targets.local.spec import Spec
from gameday.targets.local.wire import Json, decode, encode
from gameday.targets.protocol import TargetError

_START_S = 60.0
_STOP_S = 5.0
_LAST_LINES = 8


class LocalSystem(Control):
    """
    The embedded demo system, owned by the calling process: it ends when this process does, unless it is left running.

    Args:
        system: What the system file says.
        logs: A folder, made if need be, in which every process gets its log.
        progress: Takes a few words for each step of the start.
    """

    def __init__(self, system: System, *, logs: Path, progress: Callable[[str], None]) -> None:
        """Start nothing yet."""
        super().__init__()
        self._spec = spec_of(system, logs.resolve())
        self._progress = progress
        self._node: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the node's process id; 0 before the start."""
        return self._node.pid if self._node else 0

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """
        Start everything and return when all of it is ready. Call from the main thread: the node ends when the calling thread does.

        Raises:
            TargetError: The machine lacks something, or a process did not become ready; nothing is left running.
        """
        if lacking := missing():
            raise TargetError("the local target cannot run here: " + " ".join(lacking))
        self._spec.logs.mkdir(parents=True, exist_ok=True)
        with (self._spec.logs / "node.log").open("ab") as log:
            self._node = subprocess.Popen(
                (sys.executable, "-P", "-m", "gameday.targets.local.node"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._tell(self._node, self._spec)
            self._address = self._await_ready(self._node)
        except BaseException:
            self.stop()
            raise

    def leave(self, state: Path) -> None:
        """
        Let the system outlive this process, for as long as the file ``state`` exists, which the node keeps locked.

        Raises:
            TargetError: The node did not agree; it is still owned.
        """
        node = self._node
        if node is None or node.stdin is None or node.stdout is None:
            raise TargetError("only a system that this process started can be left running")
        with suppress(BrokenPipeError):
            os.write(node.stdin.fileno(), encode({"stay": str(state)}))
        if not any("staying" in message for message in _messages(node, time.monotonic() + _STOP_S)):
            raise TargetError(f"the system cannot be left running; see {self._spec.logs / 'node.log'}")
        self._node = None
        node.stdin.close()
        node.stdout.close()
        node.returncode = 0  # it is nobody's child any more; without this Popen would warn that it still runs

    def stop(self) -> None:
        """End everything, in order when the node still can, and return when it is gone; idempotent."""
        node, self._node = self._node, None
        if node is None:
            return
        if node.stdin:
            node.stdin.close()
        try:
            node.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
            sweep()
        if node.stdout:
            node.stdout.close()

    def _tell(self, node: subprocess.Popen[bytes], spec: Spec) -> None:
        if node.stdin:
            os.write(node.stdin.fileno(), spec.to_line().encode())

    def _await_ready(self, node: subprocess.Popen[bytes]) -> str:
        until_s = time.monotonic() + _START_S
        for message in _messages(node, until_s):
            if "progress" in message:
                self._progress(str(message["progress"]))
            elif isinstance(ready := message.get("ready"), dict):
                return str(ready["address"])
            elif isinstance(failed := message.get("failed"), dict):
                raise self._failure(str(failed["process"]), str(failed["reason"]))
        ended = node.poll()
        reason = f"it ended with code {ended}" if ended is not None else f"it was not ready within {_START_S:g} s"
        raise self._failure("node", reason)

    def _failure(self, process: str, reason: str) -> TargetError:
        log = self._spec.logs / f"{process}.log"
        lines = deque(log.read_text(errors="replace").splitlines(), _LAST_LINES) if log.exists() else ()
        said = "".join(f"\n    {line}" for line in lines)
        return TargetError(f"{process} did not start: {reason}. See {log}; then try: gameday doctor{said}")


def _messages(node: subprocess.Popen[bytes], until_s: float) -> Iterator[dict[str, Json]]:
    """Yield what the node says, until it ends or the time is over."""
    said = b""
    while node.stdout and time.monotonic() < until_s and readable(node.stdout, until_s - time.monotonic()):
        more = os.read(node.stdout.fileno(), 1 << 16)
        if not more:
            node.wait(_STOP_S)
            return
        *lines, said = (said + more).split(b"\n")
        for line in lines:
            yield decode(line)


def spec_of(system: System, logs: Path) -> Spec:
    """Say how the shop is to run for a system. Raises ``TargetError`` when the shop is not what the system file describes."""
    local = system.targets.local
    known = {process.name: process.kind for process in SHOP.processes}
    edges = {str(edge) for edge in SHOP.edges}
    if local is None:
        raise TargetError(f"system {system.name} has no targets.local; add targets: {{local: {{demo: shop}}}}")
    for name, service in system.services.items():
        if known.get(name) != service.kind:
            has = ", ".join(f"{name} ({kind})" for name, kind in known.items())
            raise TargetError(f"services.{name}: the shop has no {name} of kind {service.kind}; it has {has}")
    asked = {*map(str, system.dependencies), *(f"load -> {entry}" for entry in system.entries())}
    if strange := asked - edges:
        raise TargetError(f"the shop has no edge {', '.join(sorted(strange))}; it has {', '.join(sorted(edges))}")
    inner = {edge for edge in edges if not edge.startswith("load ")}
    if strange := set(local.bypass) - inner:
        raise TargetError(f"bypass: no edge {', '.join(sorted(strange))}; valid: {', '.join(sorted(inner))}")
    origin = next((origin for name, origin in system.origins.items() if name == "database"), None)
    keys = system.routes[origin.route].keys if origin and origin.route in system.routes else None
    return Spec(logs, origin.query_s if origin else 0.5, local.bypass, keys.count if keys else 0)
