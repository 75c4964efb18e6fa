"""``gameday export``: an experiment as a file that Chaos Toolkit validates and runs by itself."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace

from gameday.cli.catalogue import find_foreign, load, make_plan
from gameday.cli.exits import Exit
from gameday.cli.program import command, context_flag, without_variant
from gameday.cli.trouble import Trouble
from gameday.experiment.compile import to_exported


def run(args: Namespace) -> int:
    """Load, plan, print."""
    if find_foreign(args.name):
        raise Trouble(
            "this is a plain Chaos Toolkit experiment already",
            seen=args.name,
            next=shlex.join(("chaos", "run", args.name)),
        )
    loaded = load(args.name)
    planned = make_plan(loaded, args, seed=args.seed, again=without_variant(args))
    if (workers := planned.experiment.load.workers) > 1:
        raise Trouble(
            "a load of several workers cannot be exported: under chaos run one process sends it",
            seen=f"load.workers: {workers}",
            valid="a load without workers",
            next=command("run", args.name, "--target", args.target, *context_flag(args.allow_context)),
        )
    locustfile = str(loaded.locustfile.resolve()) if loaded.locustfile else None
    exported = to_exported(planned, locustfile=locustfile)
    sys.stdout.write(json.dumps(exported, indent=1, ensure_ascii=False) + "\n")
    return Exit.PASSED
