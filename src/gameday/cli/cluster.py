"""What commands that touch a cluster have in common: whether they may, and how they say that they cannot."""

from __future__ import annotations

from argparse import Namespace

from gameday.cli.exits import Exit
from gameday.cli.program import command, target_words
from gameday.cli.trouble import Trouble
from gameday.experiment.model import System
from gameday.experiment.plan import Plan
from gameday.targets.claim import ClaimError
from gameday.targets.kubernetes import guard


def allowed(system: System, args: Namespace) -> System:
    """
    Return the system with its context allowed if that is the one that the command line names.

    Raises:
        Trouble: The command line names another one.
    """
    kind = system.targets.kind
    if args.target != "kind" or kind is None:
        return system
    try:
        permitted = guard.allowing(kind, args.allow_context)
    except ClaimError as error:
        raise _forbidden(error, system, seen=args.allow_context, valid=kind.context) from error
    return system.model_copy(update={"targets": system.targets.model_copy(update={"kind": permitted})})


def see_allowed(target: str, system: System) -> None:
    """Raise ``Trouble`` when nobody has allowed to touch the system's cluster."""
    kind = system.targets.kind
    if target != "kind" or kind is None:
        return
    try:
        guard.see_allowed(kind)
    except ClaimError as error:
        valid = f"a context that begins with {guard.PREFIX}, or one that is allowed by its name"
        raise _forbidden(error, system, seen=kind.context, valid=valid) from error


def allowed_context(target: str, system: System) -> str | None:
    """Return a target's context if it is allowed by its name, whoever has; None for one that nobody has to allow."""
    kind = system.targets.kind
    return kind.context if target == "kind" and kind is not None and kind.allow else None


def where(planned: Plan) -> tuple[str, ...]:
    """Return the words that name a plan's target and system to ``doctor`` and ``recover``."""
    return target_words(planned.target, planned.system.name, allowed_context(planned.target, planned.system))


def refused(error: ClaimError, *, next: str) -> Trouble:  # noqa: A002 - the trouble's own word
    """Tell that the cluster may not be touched now."""
    return Trouble(str(error), next=next, code=Exit.REFUSED)


def _forbidden(error: ClaimError, system: System, *, seen: str, valid: str) -> Trouble:
    """Tell that the cluster is not the one to be touched; what comes next allows it, and only looks."""
    context = system.targets.kind.context if system.targets.kind else None
    doctor = command("doctor", *target_words("kind", system.name, context))
    return Trouble(str(error), seen=seen, valid=valid, next=doctor, code=Exit.REFUSED)
