"""``gameday doctor``: what this machine lacks."""

from __future__ import annotations

from argparse import Namespace

from gameday.cli.exits import Exit
from gameday.cli.program import command
from gameday.cli.screen import say
from gameday.targets.local.requirements import missing


def run(args: Namespace) -> int:
    """Print what is missing for the target."""
    lacks = missing()
    if not lacks:
        say(f"{args.target}: ready; next: {command('run', 'cache-stampede')}")
        return Exit.PASSED
    say(f"{args.target}: not ready")
    for sentence in lacks:
        say(f"  {sentence}")
    return Exit.USAGE
