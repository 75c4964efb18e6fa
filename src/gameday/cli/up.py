"""``gameday up``: start the demo system and leave it running."""

from __future__ import annotations

import sys
from argparse import Namespace

from gameday.cli import standing
from gameday.cli.catalogue import system as load_system
from gameday.cli.catalogue import variant
from gameday.cli.curl import curl
from gameday.cli.exits import Exit
from gameday.cli.flags import DEFAULT_VARIANT
from gameday.cli.place import refusal, see_writable
from gameday.cli.program import command, out_flag
from gameday.cli.screen import complain, say, short, table
from gameday.cli.trouble import Trouble
from gameday.experiment.model import System
from gameday.runner.lock import RefusedError
from gameday.runner.standing import TARGET, Raised, raise_up
from gameday.targets.connect import connect
from gameday.targets.local.requirements import missing
from gameday.targets.protocol import TargetError


def run(args: Namespace) -> int:
    """See that it is up, and say how to reach it; a second time it says that it is."""
    system = load_system(args)
    if args.target == "kind":
        return standing.up(system, args)
    if lacking := missing():
        raise Trouble("this machine cannot run the local target", seen="; ".join(lacking), next=command("doctor"))
    wanted = variant(system, args.variant or DEFAULT_VARIANT, again=("up", system.name, *out_flag(args.out)))
    see_writable(args.out, again=("up", system.name))
    try:
        raised = raise_up(system, wanted, keep=args.variant is None, out=args.out, progress=complain)
    except RefusedError as refused:
        again = command("up", system.name, *out_flag(args.out))
        raise refusal(refused, system=system.name, out=args.out, again=again) from refused
    except TargetError as error:
        raise Trouble(f"{system.name} is not up: {error}", next=command("doctor"), code=Exit.INCONCLUSIVE) from error
    _tell(raised, system, args)
    return Exit.PASSED


def _tell(raised: Raised, system: System, args: Namespace) -> None:
    up = raised.up
    told = f"{system.name} {'is up already' if raised.was_up else 'is up'} on {TARGET}"
    say(f"{told}{f', {up.variant}' if up.variant else ''} (process {up.pid}; logs in {short(up.logs)})")
    target = connect(TARGET, up.address, system)
    table(((name, curl(target.url(route.entry), route, system)) for name, route in system.routes.items()), indent="  ")
    out = out_flag(args.out)
    say(f"next: {command('run', 'NAME', *out)}, which uses it; {command('down', system.name, *out)}, which ends it")
    sys.stdout.flush()
