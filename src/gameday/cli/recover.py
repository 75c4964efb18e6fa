"""``gameday recover``: undo whatever earlier runs left behind."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.program import command, out_flag
from gameday.cli.screen import say
from gameday.cli.trouble import Trouble
from gameday.runner.recover import recover


def run(args: Namespace) -> int:
    """Repair every run under the folder of runs."""
    found = recover(Path(args.out))
    for each in found:
        for what, names in (("undone", each.undone), ("ended", each.ended), ("still there", each.left)):
            if names:
                say(f"{each.folder}: {what}: {', '.join(names)}")
        if each.unreadable:
            say(f"{each.folder}: cannot be read, so nothing was repaired: {each.unreadable}")
    if any(each.unreadable for each in found):
        raise Trouble("some runs cannot be read", next="look at them and move them away", code=Exit.RESIDUE)
    if any(each.left for each in found):
        again = command("recover", *out_flag(args.out))
        raise Trouble("some processes could not be ended", next=f"{again}, as who started the run", code=Exit.RESIDUE)
    if not found:
        say(f"{args.out}: nothing is outstanding")
    return Exit.PASSED
