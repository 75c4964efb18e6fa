"""A run's claim on a system: nobody else uses it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gameday.targets.protocol import TargetError


class ClaimError(TargetError):
    """The system may not be used now: somebody else does, or nobody has allowed it; nothing was touched."""


class Claim(Protocol):
    """What a run holds as long as it goes on."""

    @property
    def run(self) -> str:
        """Return the name under which the target knows the run."""
        ...

    def check(self) -> None:
        """Raise ``TargetError`` when the claim was lost, so that the run must end."""
        ...


@dataclass(frozen=True, slots=True)
class NoClaim:
    """A claim on what belongs to the calling process anyway."""

    run: str = ""

    def check(self) -> None:
        """Do nothing: it cannot be lost."""
