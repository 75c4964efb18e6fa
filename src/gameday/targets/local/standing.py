"""
A system that ``gameday up`` left running: found again in the folder of runs, used by the runs there, ended by ``gameday down``.

All of it lies in ``<runs>/.up-<system>-local/``: ``state.json``, which the node keeps locked while it lives, and ``logs/``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from gameday.agent.lifeline import created_s
from gameday.experiment.model import System
from gameday.record.guarded import read_text, see_own, write_text
from gameday.record.marks import is_marked, marked, signal_marked, wait_for_end
from gameday.targets.local.control import Control
from gameday.targets.local.folder import sweep
from gameday.targets.local.stay import is_held
from gameday.targets.local.system import LocalSystem, spec_of
from gameday.targets.local.wire import ask
from gameday.targets.protocol import TargetError

_PREFIX = ".up-"
STATE = "state.json"
_NEW = ".state.json.new"
_MOST_BYTES = 1 << 20
_PEER = struct.Struct("3i")
"""``struct ucred`` of a Unix socket's other end, which is who listens: process, user, group (unix(7), SO_PEERCRED)."""
_PEER_S = 2.0
_END_S = 10.0
"""How long the node may take to end everything in order; it takes three seconds when a service drains."""


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What is up.

    Attributes:
        folder: Where its state and its logs lie.
        system: The system's name.
        address: Where ``connect`` reaches it.
        pid: The node's process id.
        created_s: When the node began, in seconds since the boot: with the pid it identifies it.
        variant: The variant that it was brought up with or switched to; None when the system has none.
        toggles: That variant's switches.
        spec: How the shop runs, as the node was told.
    """

    folder: Path
    system: str
    address: str
    pid: int
    created_s: float
    variant: str | None
    toggles: Mapping[str, bool]
    spec: str

    @property
    def state(self) -> Path:
        """Return the file to which it is tied."""
        return self.folder / STATE

    @property
    def logs(self) -> Path:
        """Return the folder of its logs."""
        return self.folder / "logs"

    def fits(self, system: System) -> bool:
        """Return whether a system file asks for a shop that runs as this one does."""
        try:
            return spec_of(system, self.logs.resolve()).to_line() == self.spec
        except TargetError:  # it is no shop at all
            return False


_ADAPTER = TypeAdapter(Standing)


def place(runs: Path, system: str) -> Path:
    """Return where the state of a system that is up lies."""
    return runs / f"{_PREFIX}{system}-local"


def standing(runs: Path, system: str) -> Standing | None:
    """Return what is up for the runs in a folder; None when nothing is, or what was up has died."""
    folder = place(runs, system)
    if not is_held(folder / STATE):
        return None
    with suppress(OSError, ValueError, TypeError, RecursionError):
        see_own(folder)
        state = json.loads(read_text(folder / STATE, most_bytes=_MOST_BYTES))
        up = _ADAPTER.validate_python({**state, "folder": folder})
        return up if up.system == system and _is_there(up) else None
    return None


def _is_there(up: Standing) -> bool:
    """Return whether the node that a state names carries its mark, and listens where the state says."""
    try:
        if created_s(up.pid) != up.created_s or not is_marked(up.pid, up.folder):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PEER_S)
            connection.connect(up.address)
            pid, _, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    except (OSError, ValueError):
        return False
    return bool(pid == up.pid)


def see_place(runs: Path, system: str) -> None:
    """Raise ``UnsafeError`` when what lies where a system that is up would lie is not this user's own."""
    folder = place(runs, system)
    if os.path.lexists(folder):
        see_own(folder)


def fallen(runs: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and folder of every system that was up and has died without ``down``."""
    for folder in sorted(runs.glob(f"{_PREFIX}*-local")):
        with suppress(OSError):
            see_own(folder)
            if is_held(folder / STATE) or not stat.S_ISREG((folder / STATE).lstat().st_mode):
                continue
            yield folder.name.removeprefix(_PREFIX).removesuffix("-local"), folder


def clear(folder: Path) -> None:
    """Remove what ``bring_up`` made and a dead node left: state, logs, temporary folder. Call under the system's lock."""
    with suppress(OSError):  # somebody else has put something there
        for name in (STATE, _NEW):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "logs", ignore_errors=True)
        folder.rmdir()
    sweep()


def bring_up(system: System, variant: str | None, *, runs: Path, progress: Callable[[str], None]) -> Standing:
    """
    Start a system and leave it running. Call under the system's lock, from the main thread, when nothing is up.

    Raises:
        TargetError: It did not start; nothing is left running.
    """
    folder = place(runs.resolve(), system.name)
    host = LocalSystem(system, logs=folder / "logs", progress=progress)
    state = folder / STATE
    state.unlink(missing_ok=True)
    toggles = system.variants[variant] if variant else {}
    try:
        with marked(folder):
            host.start()
        host.switch(toggles)
        host.reset()
        spec = spec_of(system, (folder / "logs").resolve()).to_line()
        up = Standing(folder, system.name, host.address, host.pid, created_s(host.pid), variant, toggles, spec)
        _write(up)
        host.leave(state)
    except BaseException:
        state.unlink(missing_ok=True)
        host.stop()
        raise
    return up


def switch(up: Standing, system: System, variant: str | None) -> Standing:
    """Switch what is up to another variant, heal and reset it. Call under the system's lock. Raises ``TargetError``."""
    toggles = system.variants[variant] if variant else {}
    changed = replace(up, variant=variant, toggles=toggles)
    StandingSystem(changed, progress=lambda _: None).stop()
    with up.state.open("r+", encoding="utf-8") as file:  # in place: the node's lock is on this very file
        text = _text(changed)
        file.write(text)
        file.truncate(len(text.encode()))
    return changed


def take_down(up: Standing) -> None:
    """
    End what is up, and remove its state and logs. Call under the system's lock.

    Raises:
        TargetError: It did not end; its state is kept.
    """
    with suppress(TargetError):  # it may be busy or ending already
        ask(up.address, "stop")
    if not _ends(up):
        held = signal_marked(up.pid, signal.SIGKILL, up.folder, born_s=up.created_s)
        wait_for_end([] if held is None else [held], within_s=_END_S)
        if not _ends(up):
            raise TargetError(f"process {up.pid} could not be ended; end it yourself first")
    clear(up.folder)


class StandingSystem(Control):
    """
    A system that is up already, as one run uses it: left running, healed, reset and on its own variant.

    Args:
        up: What is up.
        progress: Takes a few words for each step.
    """

    def __init__(self, up: Standing, *, progress: Callable[[str], None]) -> None:
        """Use it from ``start`` on."""
        super().__init__()
        self._up = up
        self._progress = progress
        self._address = up.address

    def start(self) -> None:
        """Find it alive; what happened to its processes before is nobody's business. Raises ``TargetError``."""
        self._progress(f"using {self._up.system}, which is up (process {self._up.pid})")
        self.events(last=True)

    def stop(self) -> None:
        """Leave it as it was found. Raises ``TargetError``; idempotent."""
        self.switch(self._up.toggles)
        self.reset()


def _ends(up: Standing) -> bool:
    until_s = time.monotonic() + _END_S
    while is_held(up.state):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True


def _text(up: Standing) -> str:
    return json.dumps({name: value for name, value in asdict(up).items() if name != "folder"}, indent=1) + "\n"


def _write(up: Standing) -> None:
    write_text(up.state, _text(up), mode=0o600)
