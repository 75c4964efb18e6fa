"""Choose the implementation of a target by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from gameday.experiment.model import System
from gameday.targets.local.events import ProcessEvent
from gameday.targets.local.standing import Standing, StandingSystem
from gameday.targets.local.system import LocalSystem
from gameday.targets.protocol import Target


class Host(Protocol):
    """A system under test that a run may start, switch and stop; every method may raise ``TargetError``."""

    @property
    def address(self) -> str:
        """Return what ``connect`` needs to reach it from another process."""
        ...

    def start(self) -> None:
        """Start it and wait until it is ready. From the main thread only."""
        ...

    def switch(self, variant: Mapping[str, bool]) -> None:
        """Switch its mechanisms."""
        ...

    def reset(self) -> None:
        """Bring it to the state in which every run begins: caches warm, breakers closed."""
        ...

    def events(self) -> tuple[ProcessEvent, ...]:
        """Return what happened to its processes since the last call."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Return name -> version of its parts."""
        ...

    def stop(self) -> None:
        """End it; idempotent."""
        ...


def host(
    target: str, system: System, *, logs: Path, progress: Callable[[str], None], up: Standing | None = None
) -> Host:
    """Return the system on a target, not yet started; what is ``up`` already is used as it is, and left running."""
    if target != "local":
        raise ValueError(f"no target {target!r}: this version runs on local")
    if up is not None:
        return StandingSystem(up, progress=progress)
    return LocalSystem(system, logs=logs, progress=progress)


def connect(target: str, address: str) -> Target:
    """Return a connection to a running system, for any process on this machine."""
    from gameday.targets.local.target import LocalTarget  # noqa: PLC0415 - only what is used is loaded

    if target != "local":
        raise ValueError(f"no target {target!r}: this version runs on local")
    return LocalTarget(address)
