"""``gameday doctor``: what this machine lacks."""

from __future__ import annotations

from argparse import Namespace

from gameday.cli.catalogue import see_declared
from gameday.cli.catalogue import system as load_system
from gameday.cli.cluster import allowed, refused
from gameday.cli.exits import Exit
from gameday.cli.program import command, target_words
from gameday.cli.screen import say
from gameday.experiment.model import System
from gameday.targets.claim import ClaimError
from gameday.targets.connect import advice, missing


def run(args: Namespace) -> int:
    """Print what is missing for the target, and what else is worth knowing."""
    system = load_system(args.system)
    see_declared(system, args.target)
    lacks = _missing(args.target, allowed(system, args))
    target = ("--target", args.target) if args.target != "local" else ()
    if not lacks:
        ours = system.targets.demo(args.target) is not None
        after = command("run", "cache-stampede", *target) if ours else command("list")
        say(f"{args.target}: ready; next: {after}")
    else:
        say(f"{args.target}: not ready")
    for sentence in (*lacks, *advice(args.target, system)):
        say(f"  {sentence}")
    return Exit.USAGE if lacks else Exit.PASSED


def _missing(target: str, system: System) -> tuple[str, ...]:
    try:
        return missing(target, system)
    except ClaimError as error:
        raise refused(error, next=command("doctor", *target_words(target, system.name))) from error
