"""``gameday run``: load, plan, carry out, judge, report."""

from __future__ import annotations

import sys
from argparse import Namespace

from gameday.analysis.repeats import repeated
from gameday.cli.catalogue import find_foreign, load, make_plan
from gameday.cli.exits import Exit, gravest
from gameday.cli.foreign import run_foreign
from gameday.cli.judging import OF_VERDICT, hint
from gameday.cli.locustfile import try_locustfile
from gameday.cli.once import once, prune_old, see_able, told_to_end, troubles, words
from gameday.cli.place import see_writable
from gameday.cli.program import without_variant
from gameday.cli.repeats import Made, tell
from gameday.cli.screen import show
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.loading.load import Loaded
from gameday.experiment.plan import Plan
from gameday.report.console import print_verdict
from gameday.runner.signals import Interruptions


def run(args: Namespace) -> int:
    """Run one experiment, or several times with one seed after the other; results go to stdout, progress to stderr."""
    if foreign := find_foreign(args.name):
        return _foreign(foreign, args)
    loaded = load(args.name)
    again = without_variant(args)
    planned = make_plan(loaded, args, seed=args.seed, again=again)
    see_able(planned)
    see_writable(args.out, again=words(args.name, planned))
    try_locustfile(loaded)
    with Interruptions().watch() as interruptions:
        made, found = _all(loaded, planned, args, again, interruptions)
    together = repeated([each.analysis for each in made], asked=args.repeat)
    if args.repeat > 1:
        tell(made, together, name=planned.name, as_json=args.json)
    elif args.json:
        sys.stdout.write((made[0].folder / "report.json").read_text(encoding="utf-8"))
    if args.keep is not None:
        prune_old(args.out, keep=args.keep, spare=[each.folder for each in made])
    return gravest((OF_VERDICT[together.verdict], *found, *told_to_end(interruptions)))


def _all(
    loaded: Loaded, planned: Plan, args: Namespace, again: tuple[str, ...], interruptions: Interruptions
) -> tuple[list[Made], list[Exit]]:
    """Make one run after the other while nobody interrupts, and tell each; return them, and what went wrong beside their verdicts."""
    made: list[Made] = []
    found: list[Exit] = []
    for seed in range(args.seed, args.seed + args.repeat):
        if made:
            planned = make_plan(loaded, args, seed=seed, again=again)
            if interruptions.count:
                break
        try:
            ended, judged = once(loaded, planned, name=args.name, out=args.out, interruptions=interruptions)
        except Trouble as refused:
            if not made:
                raise
            show(refused)
            found.append(refused.code)
            break
        if not args.json:
            print_verdict(judged.analysis, judged.plan, ended.folder, sys.stdout, hint(judged))
            sys.stdout.flush()
        made.append(Made(seed, ended.folder, judged.analysis))
        found += troubles(ended, planned, reason=judged.analysis.reason)
        if ended.residue:
            break
    return made, found


def _foreign(foreign: Foreign, args: Namespace) -> int:
    """Run a plain Chaos Toolkit experiment, once: it has no seed that could differ."""
    if args.repeat > 1:
        raise Trouble("--repeat needs an experiment of gameday's own: a plain one has no seed", seen=str(args.repeat))
    code = run_foreign(foreign, args)
    if args.keep is not None:
        prune_old(args.out, keep=args.keep, spare=())
    return code
