"""``gameday up``: start the demo system and leave it running."""

from __future__ import annotations

import json
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator

from gameday.cli.catalogue import system as load_system
from gameday.cli.catalogue import variant
from gameday.cli.exits import Exit
from gameday.cli.parser import DEFAULT_VARIANT
from gameday.cli.place import refusal, see_writable
from gameday.cli.program import command, out_flag
from gameday.cli.screen import complain, say, short, table
from gameday.cli.trouble import Trouble
from gameday.experiment.model import Route, System
from gameday.runner.lock import RefusedError
from gameday.runner.standing import TARGET, Raised, raise_up
from gameday.targets.connect import connect
from gameday.targets.local.requirements import missing
from gameday.targets.protocol import TargetError

_SECRET = re.compile(r"\$\{([^}]*)\}")
_FIRST_KEY = "1"


def run(args: Namespace) -> int:
    """See that it is up, and say how to reach it; a second time it says that it is."""
    system = load_system(args.system)
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
    target = connect(TARGET, up.address)
    table(((name, curl(target.url(route.entry), route, system)) for name, route in system.routes.items()), indent="  ")
    out = out_flag(args.out)
    say(f"next: {command('run', 'NAME', *out)}, which uses it; {command('down', system.name, *out)}, which ends it")
    sys.stdout.flush()


def curl(url: str, route: Route, system: System) -> str:
    """Write a command that asks a route once; a secret stands as the environment variable that holds it."""
    path = route.path.replace("{id}", _FIRST_KEY)
    words = ["curl"] + (["-X", route.method] if route.method != "GET" else [])
    for name, value in route.headers.items():
        words += ["-H", _quoted(f"{name}: {value}", system)]
    if route.body is not None:
        words += ["-H", "'Content-Type: application/json'", "-d", _quoted(json.dumps(route.body), system)]
    return " ".join([*words, shlex.quote(f"{url}{path}")])


def _quoted(text: str, system: System) -> str:
    """Quote for a shell, but for references to secrets."""
    return "".join(_parts(text, system)) or "''"


def _parts(text: str, system: System) -> Iterator[str]:
    for index, part in enumerate(_SECRET.split(text)):
        if index % 2:
            yield f'"${system.secrets[part].env}"' if part in system.secrets else shlex.quote(f"${{{part}}}")
        elif part:
            yield shlex.quote(part)
