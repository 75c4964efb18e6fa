"""Which clusters may be touched: those that kind made, and those that somebody has allowed by name."""

from __future__ import annotations

from gameday.experiment.model import KindTarget
from gameday.targets.claim import ClaimError

PREFIX = "kind-"
"""How kind names the contexts of its clusters: nobody serves customers from one."""


def see_allowed(kind: KindTarget) -> None:
    """Raise ``ClaimError`` when a context is not one of kind's, and the system file does not allow it. Asks nobody."""
    if kind.context.startswith(PREFIX) or kind.allow:
        return
    raise ClaimError(
        f"the context {kind.context} does not begin with {PREFIX}, so its cluster may serve somebody: allow it with "
        f"--allow-context {kind.context}, or with allow: true under targets.kind of the system file"
    )


def allowing(kind: KindTarget, context: str | None) -> KindTarget:
    """
    Return what a system file says, with its context allowed if that is the one that was named on the command line.

    Raises:
        ClaimError: Another one was named: who allows one cluster must not touch another.
    """
    if context is None:
        return kind
    if context != kind.context:
        raise ClaimError(f"--allow-context names {context}, and the system file has the context {kind.context}")
    return kind.model_copy(update={"allow": True})
