"""
A system that ``gameday up`` left running: found again in the folder of runs, used by the runs there, ended by ``gameday down``.

All of it lies in ``<runs>/.up-<system>-local/``: ``state.json``, which the node keeps locked while it lives, and ``logs/``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gameday.agent.lifeline import created_s
from gameday.experiment.model import System
from gameday.targets.local.control import Control
from gameday.targets.local.folder import sweep
from gameday.targets.local.stay import is_held
from gameday.targets.local.system import LocalSystem, spec_of
from gameday.targets.local.wire import ask
from gameday.targets.protocol import TargetError

_PREFIX = ".up-"
_STATE = "state.json"
_NEW = ".state.json.new"
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
        return self.folder / _STATE

    @property
    def logs(self) -> Path:
        """Return the folder of its logs."""
        return self.folder / "logs"

    def fits(self, system: System) -> bool:
        """Tell whether a system file asks for a shop that runs as this one does."""
        try:
            return spec_of(system, self.logs.resolve()).to_line() == self.spec
        except TargetError:  # it is no shop at all
            return False


def place(runs: Path, system: str) -> Path:
    """Return where the state of a system that is up lies."""
    return runs / f"{_PREFIX}{system}-local"


def standing(runs: Path, system: str) -> Standing | None:
    """Return what is up for the runs in a folder; None when nothing is, or what was up has died."""
    folder = place(runs, system)
    if not is_held(folder / _STATE):
        return None
    with suppress(OSError, ValueError, TypeError):
        return Standing(folder, **json.loads((folder / _STATE).read_text(encoding="utf-8")))
    return None


def fallen(runs: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and folder of every system that was up and has died without ``down``."""
    for folder in sorted(runs.glob(f"{_PREFIX}*-local")):
        if not folder.is_symlink() and (folder / _STATE).is_file() and not is_held(folder / _STATE):
            yield folder.name.removeprefix(_PREFIX).removesuffix("-local"), folder


def clear(folder: Path) -> None:
    """Remove what ``bring_up`` made and a dead node left: state, logs, temporary folder. Call under the system's lock."""
    for name in (_STATE, _NEW):
        (folder / name).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder / "logs")
    with suppress(OSError):  # somebody else has put something there
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
    state = folder / _STATE
    state.unlink(missing_ok=True)
    toggles = system.variants[variant] if variant else {}
    try:
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
        with suppress(ProcessLookupError):
            if created_s(up.pid) == up.created_s:
                os.kill(up.pid, signal.SIGKILL)
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
        self.events()

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
    new = up.folder / _NEW
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as text:
        text.write(_text(up))
    new.replace(up.state)
