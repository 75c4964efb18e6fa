"""``gameday recover``: undo whatever earlier runs left behind."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.program import command, out_flag
from gameday.cli.screen import say
from gameday.cli.trouble import Trouble
from gameday.runner.foreign.recover import Replayed, recover_foreign
from gameday.runner.recover import Recovered, recover
from gameday.runner.standing import clear_fallen


def run(args: Namespace) -> int:
    """Repair every run under the folder of runs."""
    out = Path(args.out)
    found: tuple[Recovered | Replayed, ...] = (*recover(out), *recover_foreign(out))
    fallen = clear_fallen(out)
    for each in found:
        for text in _told(each):
            say(f"{each.folder}: {text}")
    for folder in fallen:
        say(f"{folder}: the system that was up has died; what it left is removed")
    if any(each.unreadable for each in found):
        raise Trouble("some runs cannot be read", next="look at them and move them away", code=Exit.RESIDUE)
    if any(each.left if isinstance(each, Recovered) else each.played is False for each in found):
        again, down = (command(word, *out_flag(out)) for word in ("recover", "down"))
        raise Trouble(
            "not everything could be ended or undone",
            next=f"{again}, as who started the run; {down}, if a system is up",
            code=Exit.RESIDUE,
        )
    if not found and not fallen:
        say(f"{args.out}: nothing is outstanding" if out.is_dir() else f"{args.out}: no such folder, so no run in it")
    return Exit.PASSED


def _told(done: Recovered | Replayed) -> Iterator[str]:
    if done.unreadable:
        yield f"cannot be read, so nothing was repaired: {done.unreadable}"
    elif isinstance(done, Replayed):
        if done.ended:
            yield "ended: what its activities had started and left running"
        if done.played is not None:
            yield f"rollbacks: {'played' if done.played else 'still to be played, by hand'}"
    else:
        for what, names in (("undone", done.undone), ("ended", done.ended), ("still there", done.left)):
            if names:
                yield f"{what}: {', '.join(names)}"
