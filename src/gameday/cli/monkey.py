"""``gameday monkey``: a run whose experiment is drawn: random replicas die at random moments while the steady state is watched."""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gameday.cli.catalogue import load, make_plan
from gameday.cli.catalogue import system as load_system
from gameday.cli.exits import gravest
from gameday.cli.judging import OF_VERDICT, hint
from gameday.cli.once import once, see_able, told_to_end, troubles
from gameday.cli.place import see_writable
from gameday.cli.program import command, out_flag
from gameday.cli.screen import complain, count
from gameday.cli.trouble import Trouble
from gameday.experiment.checks.phases import MOST_S
from gameday.experiment.flaws import did_you_mean, one_of
from gameday.experiment.loading.finding import SUFFIX, experiment_folders, find_experiments, system_folders
from gameday.experiment.loading.load import Loaded, load_experiment
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.model import System
from gameday.experiment.monkey import APART_S, SEEN_S, Wanted, least_s, write
from gameday.experiment.units import duration_s, rate_per_s, share
from gameday.experiment.writing import seconds
from gameday.faults import catalogue
from gameday.report.console import print_verdict
from gameday.runner.signals import Interruptions
from gameday.targets.local.switches import SWITCHES

NAME = "monkey"
Value = TypeVar("Value")


def run(args: Namespace) -> int:
    """Draw the visits, run them as one experiment, judge it."""
    system = load_system(args)
    loaded = _made(system, _wanted(args, system))
    drawn = _drawing(args)
    planned = make_plan(loaded, args, seed=args.seed, again=(*drawn, *out_flag(args.out)))
    see_able(planned)
    again = (*drawn, "--variant", args.variant)
    see_writable(args.out, again=again)
    complain(f"{count(len(planned.faults), 'visit')} of the monkey in {args.lasting}, seed {args.seed}")
    with Interruptions().watch() as interruptions:
        ended, judged = once(loaded, planned, name=NAME, out=args.out, interruptions=interruptions, again=again)
    if args.json:
        sys.stdout.write((ended.folder / "report.json").read_text(encoding="utf-8"))
    else:
        print_verdict(judged.analysis, judged.plan, ended.folder, sys.stdout, hint(judged))
    return gravest(
        (
            OF_VERDICT[judged.analysis.verdict],
            *troubles(ended, planned, reason=judged.analysis.reason),
            *told_to_end(interruptions),
        )
    )


def _made(system: System, wanted: Wanted) -> Loaded:
    """Write the experiment, and read it as any other; its text stays in the run's folder."""
    with tempfile.TemporaryDirectory(prefix="gameday-monkey-") as folder:
        path = Path(folder) / f"{NAME}{SUFFIX}"
        path.write_text(write(system, wanted), encoding="utf-8")
        try:
            return load_experiment(path, catalogue(), systems=system_folders(Path()), switches=SWITCHES)
        except InvalidFileError as error:
            _see_drawable(error, path)
            raise


def _see_drawable(error: InvalidFileError, drawn: Path) -> None:
    """Raise the first mistake of what was drawn as one of the flags: its file is gone at once. Mistakes of other files stay."""
    for each in error.problems:
        if each.file == drawn:
            raise Trouble(
                f"what the flags ask for is no valid experiment: {each.message}",
                seen=each.seen,
                valid=each.valid,
                hint=each.hint,
                where=f"{each.key_path} of what was drawn" if each.key_path else "",
                next=command(NAME, "--help"),
            ) from error


def _wanted(args: Namespace, system: System) -> Wanted:
    named = tuple(args.services.split(",")) if args.services else ()
    for name in named:
        _see_known("service", name, tuple(system.services))
    for_s = _read("--for", args.lasting, duration_s)
    every_s = _read("--every", args.every, duration_s)
    held = _read("--held", args.held, share)
    radius = _read("--blast-radius", args.blast_radius, share)
    if not 0 < held < 1:
        raise _unfit("--held", args.held, "a share above 0% and below 100%")
    if not 0 < radius < 1:
        raise _unfit("--blast-radius", args.blast_radius, "a share above 0% and below 100%: something must stay")
    if every_s <= APART_S:
        raise _unfit("--every", args.every, f"more than {seconds(APART_S)}: each kill must be seen before the next")
    if for_s < max(least_s(held), 2 * SEEN_S):
        valid = f"at least {seconds(least_s(held))}, or a lower --held: less cannot show that it held in {args.held} of the time"
        raise _unfit("--for", args.lasting, valid)
    if for_s > MOST_S:
        raise _unfit("--for", args.lasting, f"at most {seconds(MOST_S)}, as long as a phase may last")
    return Wanted(
        services=named or tuple(system.services),
        singles=bool(named),
        for_s=for_s,
        every_s=every_s,
        blast_radius=radius,
        held=held,
        seed=args.seed,
        load_per_s=_load(args.load, system) or _usual(system),
    )


def _load(text: str | None, system: System) -> Mapping[str, float]:
    """Read ``login=60/s,product=30/s``."""
    given: dict[str, float] = {}
    for each in text.split(",") if text else ():
        route, equals, rate = each.partition("=")
        if not equals:
            raise _unfit("--load", each, "ROUTE=RATE, such as login=60/s")
        _see_known("route", route, tuple(system.routes))
        if route in given:
            raise _unfit("--load", str(text), f"each route once; {route} stands there twice")
        given[route] = _read("--load", rate, rate_per_s)
    if given and all(system.routes[name].control for name in given):
        users = one_of(name for name, route in system.routes.items() if not route.control)
        raise _unfit("--load", str(text), f"a route that can be judged beside it: {users}")
    return given


def _usual(system: System) -> Mapping[str, float]:
    """Return the load of another experiment on the system, that of ``none`` first: it is known to be borne; empty when there is none."""
    there = find_experiments(experiment_folders(Path()))
    for name in sorted(there, key=lambda each: each != "none"):
        with suppress(InvalidFileError):
            found = load(name)
            if found.system.name == system.name and found.experiment.load.routes:
                return found.experiment.load.routes
    return {}


def _see_known(what: str, name: str, valid: tuple[str, ...]) -> None:
    if name not in valid:
        raise Trouble(
            f"the system has no {what} {name}",
            seen=name,
            valid=one_of(valid),
            hint=did_you_mean(name, valid),
            next=command(NAME, "--help"),
        )


def _read(flag: str, text: str, read: Callable[[object], Value]) -> Value:
    try:
        return read(text)
    except ValueError as error:
        raise _unfit(flag, text, str(error)) from None


def _unfit(flag: str, seen: str, valid: str) -> Trouble:
    return Trouble(f"{flag} cannot be taken", seen=seen, valid=valid, next=command(NAME, "--help"))


def _drawing(args: Namespace) -> tuple[str, ...]:
    """Return the words that draw the same again, without the variant and the folder of runs."""
    given = {
        "--system": args.system,
        "--target": args.target,
        "--allow-context": args.allow_context,
        "--for": args.lasting,
        "--every": args.every,
        "--blast-radius": args.blast_radius,
        "--held": args.held,
        "--services": args.services,
        "--load": args.load,
        "--seed": str(args.seed),
    }
    return (NAME, *(word for flag, value in given.items() if value is not None for word in (flag, value)))
