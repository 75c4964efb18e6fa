"""``gameday down``: end what ``up`` has started."""

from __future__ import annotations

from argparse import Namespace

from gameday.cli import standing
from gameday.cli.catalogue import system as load_system
from gameday.cli.exits import Exit
from gameday.cli.place import refusal
from gameday.cli.program import command, out_flag
from gameday.cli.screen import say
from gameday.cli.trouble import Trouble
from gameday.runner.lock import RefusedError
from gameday.runner.standing import TARGET, lower
from gameday.targets.protocol import TargetError


def run(args: Namespace) -> int:
    """End it; fine when nothing is up."""
    if args.target == "kind":
        return standing.down(load_system(args), args)
    again = command("down", args.system, *out_flag(args.out))
    try:
        ended = lower(args.system, out=args.out)
    except RefusedError as refused:
        raise refusal(refused, system=args.system, out=args.out, again=again) from refused
    except TargetError as error:
        raise Trouble(str(error), next=again, code=Exit.RESIDUE) from error
    say(f"{args.system} is down" if ended else f"no {args.system} is up on {TARGET} in {args.out}")
    return Exit.PASSED
