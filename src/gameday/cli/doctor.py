"""``gameday doctor``: what this machine lacks."""

from __future__ import annotations

from argparse import Namespace

from gameday.cli.catalogue import see_declared
from gameday.cli.catalogue import system as load_system
from gameday.cli.cluster import allowed, allowed_context, see_allowed
from gameday.cli.exits import Exit
from gameday.cli.program import command, place_words
from gameday.cli.screen import say
from gameday.targets.connect import advice, missing


def run(args: Namespace) -> int:
    """Print what is missing for the target, and what else is worth knowing."""
    system = load_system(args)
    see_declared(system, args.target)
    system = allowed(system, args)
    see_allowed(args.target, system)
    lacks, notes = missing(args.target, system), advice(args.target, system)
    if not lacks:
        ours = system.targets.demo(args.target) is not None
        place = place_words(args.target, allowed_context(args.target, system))
        after = command("run", "cache-stampede", *place) if ours else command("list")
        say(f"{args.target}: ready{', but for what follows' if notes else ''}; next: {after}")
    else:
        say(f"{args.target}: not ready")
    for sentence in (*lacks, *notes):
        say(f"  {sentence}")
    return Exit.USAGE if lacks else Exit.PASSED
