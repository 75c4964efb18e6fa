"""What commands that touch a cluster have in common: whether they may, and how they say that they cannot."""

from __future__ import annotations

from argparse import Namespace

from gameday.cli.exits import Exit
from gameday.cli.trouble import Trouble
from gameday.experiment.model import System
from gameday.targets.claim import ClaimError
from gameday.targets.kubernetes.guard import allowing


def allowed(system: System, args: Namespace) -> System:
    """
    Return the system with its context allowed if that is the one that the command line names.

    Raises:
        Trouble: The command line names another one.
    """
    if args.target != "kind" or system.targets.kind is None:
        return system
    try:
        kind = allowing(system.targets.kind, args.allow_context)
    except ClaimError as error:
        raise refused(error) from error
    return system.model_copy(update={"targets": system.targets.model_copy(update={"kind": kind})})


def refused(error: ClaimError, *, next: str = "") -> Trouble:  # noqa: A002 - the trouble's own word
    """Tell that the cluster may not be touched now."""
    return Trouble(str(error), next=next, code=Exit.REFUSED)
