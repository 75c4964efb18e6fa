"""Exit codes of every command."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says."""

    PASSED = 0
    """Every verdict passed, or the command did what it was asked."""
    FAILED = 1
    """A verdict failed, or a run was aborted because a protected route suffered."""
    USAGE = 2
    """Usage, an invalid file, or a machine on which it cannot run."""
    INCONCLUSIVE = 3
    """The run is inconclusive or invalid."""
    RESIDUE = 4
    """Something that gameday did could not be undone."""
    REFUSED = 5
    """A guardrail, another run's lock or the kill switch forbids it."""
    INTERNAL = 70
    """A fault of gameday itself (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""


_GRAVEST_FIRST = (
    Exit.INTERNAL,
    Exit.RESIDUE,
    Exit.INTERRUPTED,
    Exit.FAILED,
    Exit.INCONCLUSIVE,
    Exit.REFUSED,
    Exit.USAGE,
)


def gravest(exits: Iterable[Exit]) -> Exit:
    """Return the one that counts where several hold; passed when there is none."""
    held = set(exits)
    return next((each for each in _GRAVEST_FIRST if each in held), Exit.PASSED)
