"""``gameday up`` and ``down`` with ``--target kind``: the demo system in a cluster."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Mapping

from gameday.cli.catalogue import see_declared, variant
from gameday.cli.cluster import allowed, refused, see_allowed
from gameday.cli.curl import curl
from gameday.cli.exits import Exit
from gameday.cli.flags import DEFAULT_VARIANT
from gameday.cli.program import command, place_words, target_words
from gameday.cli.screen import complain, say, table
from gameday.cli.trouble import Trouble
from gameday.experiment.model import System
from gameday.targets.claim import ClaimError
from gameday.targets.protocol import TargetError


def up(declared: System, args: Namespace) -> int:
    """See that it is up, and say how to reach it; a second time it says that it is."""
    from gameday.targets.kubernetes.standing import raise_up  # noqa: PLC0415 - the client takes half a second to import

    see_declared(declared, args.target)
    system, again, began_s = allowed(declared, args), _words("up", args), time.monotonic()
    see_allowed(args.target, system)
    wanted = variant(system, args.variant or DEFAULT_VARIANT, again=again)
    try:
        raised = raise_up(system, wanted, keep=args.variant is None, progress=complain)
    except ClaimError as error:
        raise refused(error, next=command(*again)) from error
    except TargetError as error:
        what, *details = str(error).splitlines()
        after = command("doctor", *target_words(args.target, system.name, args.allow_context))
        raise Trouble(
            f"{system.name} is not up: {what}", details=tuple(details), next=after, code=Exit.INCONCLUSIVE
        ) from error
    complain(f"ready after {time.monotonic() - began_s:.1f} s")
    told = f"{system.name} {'is up already' if raised.was_up else 'is up'} on {args.target}"
    say(
        f"{told}{f', {raised.variant}' if raised.variant else ''} (context {raised.context}, namespace {raised.namespace})"
    )
    table(_routes(system, raised.urls), indent="  ")
    run, end = command("run", "NAME", *place_words(args.target, args.allow_context)), command(*_words("down", args))
    say(f"next: {run}, which uses it; {end}, which ends it")
    sys.stdout.flush()
    return Exit.PASSED


def down(declared: System, args: Namespace) -> int:
    """Remove what ``up`` made; fine when nothing is up."""
    from gameday.targets.kubernetes.standing import take_down  # noqa: PLC0415 - same

    see_declared(declared, args.target)
    system, again = allowed(declared, args), _words("down", args)
    see_allowed(args.target, system)
    try:
        removed = take_down(system, complain)
    except ClaimError as error:
        raise refused(error, next=command(*again)) from error
    except TargetError as error:
        what, *details = str(error).splitlines()
        raise Trouble(what, details=tuple(details), next=command(*again), code=Exit.RESIDUE) from error
    if not removed:
        say(f"no {system.name} is up on {args.target}")
        return Exit.PASSED
    say(f"{system.name} is down; removed: {', '.join(removed)}")
    return Exit.PASSED


def _words(word: str, args: Namespace) -> tuple[str, ...]:
    system = () if args.system == "shop" else (args.system,)
    return (word, *system, *place_words(args.target, args.allow_context))


def _routes(system: System, urls: Mapping[str, str]) -> list[tuple[str, ...]]:
    return [
        (name, curl(urls[route.entry], route, system)) for name, route in system.routes.items() if route.entry in urls
    ]
