"""``gameday plan``: what a run would do, what its sample can show, what theory expects, and what a cluster would refuse; nothing is changed."""

from __future__ import annotations

import bisect
import itertools
import math
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator

from gameday.cli.catalogue import find_foreign, load, make_plan
from gameday.cli.cluster import allowed_context
from gameday.cli.exits import Exit
from gameday.cli.program import command, place_words, without_variant
from gameday.cli.screen import complain, say, table
from gameday.experiment.course import fault_window, when
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.model import Load
from gameday.experiment.plan import Phase, Plan
from gameday.experiment.samples import LEAST_FOR_P95, quiet_error, smallest_share, visible_share, visible_slowdown
from gameday.experiment.writing import per_second, seconds


def run(args: Namespace) -> int:
    """Load, plan, print."""
    if foreign := find_foreign(args.name):
        return _show_foreign(foreign, as_json=args.json)
    planned = make_plan(load(args.name), args, seed=args.seed, again=without_variant(args))
    refused, unchecked = _preflight(planned)
    if args.json:
        sys.stdout.write(planned.to_json())
        for sentence in (*refused, *unchecked):
            complain(sentence)
    else:
        _show(planned, args.name, refused, unchecked)
    return Exit.USAGE if refused else Exit.PASSED


def _preflight(planned: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a cluster would refuse, tried as dry runs, and why that could not be tried; a plan needs no cluster."""
    if planned.target == "local":
        return (), ()
    # They load the client of a cluster, which no other plan needs.
    from gameday.targets.connect import missing, unable  # noqa: PLC0415 - see above
    from gameday.targets.protocol import TargetError  # noqa: PLC0415 - see above

    try:
        if silent := unable(planned.target, planned.system):
            return (), tuple(f"not checked whether the cluster admits this: {sentence}" for sentence in silent)
        return missing(planned.target, planned.system, planned.faults, workers=planned.experiment.load.workers), ()
    except TargetError as error:
        return (), (f"not checked whether the cluster admits this: {error}",)


def _show(planned: Plan, given: str, refused: tuple[str, ...], unchecked: tuple[str, ...]) -> None:
    """Print the plan, and before it what stands against it; ``given`` is the experiment as it was asked for, which may be a path."""
    for sentence in refused:
        say(f"✗ {sentence}")
    on = f"{planned.target}, system {planned.system.name}"
    with_variant = f", variant {planned.variant}" if planned.variant else ""
    say(f"{planned.name}: {planned.experiment.title}")
    say(f"on {on}{with_variant}, seed {planned.seed}, {seconds(planned.duration_s)} of load; nothing was started")
    say("\nTimeline")
    table(_timeline(planned), indent="  ")
    say("\nFaults")
    for fault in planned.faults:
        say(f"  {fault.fault}" + (f" on {', '.join(fault.edges or fault.services)}" if fault.services else ""))
        time = (("when", when(fault, planned.phase("fault").start_s)),) if fault.shape != "none" else ()
        table((*time, ("effect", fault.effect), ("undo", fault.undo), ("proof", fault.proof)), indent="    ")
    if planned.closed:
        say(
            "\nLoad, closed: users wait for answers, so how much they ask is known only afterwards, and no latency can pass"
        )
        table(_locustfile(planned.experiment.load), indent="  ")
    else:
        say("\nArrivals, and the smallest share of bad requests that a clean sample excludes with 99 % confidence")
        table(_arrivals(planned), indent="  ")
    if planned.predictions:
        say("\nPredictions")
        table((_prediction(planned, name) for name in (each.name for each in planned.predictions)), indent="  ")
    say("\nChecks")
    for judged, parts in _checks(planned):
        say(f"  {judged}: {', '.join(parts)}")
    if planned.experiment.decides:
        say(f"  {planned.experiment.decides} decides between the variants")
    _show_lines(
        "Smallest effects that are seen with a probability of 95 %, if the service is quiet by itself",
        _visible(planned),
    )
    chosen = ("--variant", planned.variant) if planned.variant else ()
    place = place_words(planned.target, allowed_context(planned.target, planned.system))
    if planned.target != "local":
        say("\nCluster")
        for sentence in unchecked or (
            ("refused, as told above",) if refused else ("admits all of it (tried as dry runs)",)
        ):
            say(f"  {sentence}")
    say(f"\nnext: {command('run', given, *place, *chosen, '--seed', str(planned.seed))}")


def _show_lines(title: str, lines: Iterable[str]) -> None:
    """Print lines below their title; nothing where there are none."""
    for number, line in enumerate(lines):
        if not number:
            say(f"\n{title}")
        say(f"  {line}")


def _show_foreign(foreign: Foreign, *, as_json: bool) -> int:
    """Show what a run would do."""
    # They load the runner and what renders pages, and most experiments are not plain.
    from gameday.cli.foreign import see_sound  # noqa: PLC0415 - see above
    from gameday.report.foreign import parts  # noqa: PLC0415 - see above

    found, plan = see_sound(foreign), foreign.plan
    if as_json:
        sys.stdout.write(plan.to_json())
        return Exit.PASSED
    say(f"{plan.name}: {plan.title}")
    say("a plain Chaos Toolkit experiment: no system, no load; nothing was started")
    for part in parts(plan):
        say(f"\n{part.title}")
        rows = [(step.kind, step.name, step.provider, "in the background" * step.background) for step in part.steps]
        table(rows or [("none",)], indent="  ")
    for question in found.questions:
        say(f"\n{question}, so a run needs a terminal")
    if not plan.method:
        say("\nthe method is empty, so nothing is done: the best result is inconclusive")
    if judged := [step.name for step in plan.method if step.judged]:
        say(f"\njudged in the method, by its own tolerance: {', '.join(judged)}")
    if unproven := [step.name for step in plan.actions if not step.proven]:
        say(f"\nwithout a proof: probe for {', '.join(unproven)} the best result is inconclusive")
    say(f"\nnext: {command('run', str(foreign.path))}")
    return Exit.PASSED


def _timeline(planned: Plan) -> Iterator[tuple[str, ...]]:
    does = {
        "warmup": "load starts; nothing is judged",
        "baseline": "the hypothesis must hold, or nothing is judged",
        "fault": "; ".join(fault.effect.rstrip(".") for fault in planned.faults),
        "recovery": "the hypothesis must hold again",
    }
    for phase in planned.phases:
        yield phase.name, f"{_clock(phase.start_s)} to {_clock(phase.end_s)}", does[phase.name]


def _locustfile(load: Load) -> Iterator[tuple[str, ...]]:
    users = (
        "as its LoadTestShape says" if load.users is None else f"{load.users} at {per_second(load.spawn_rate_per_s)}"
    )
    yield "locustfile", load.locustfile or ""
    yield "users", users
    for label, values in (("tags", load.tags), ("without", load.exclude_tags)):
        if values:
            yield label, ", ".join(values)


def _arrivals(planned: Plan) -> Iterator[tuple[str, ...]]:
    yield ("route", "rate", *(phase.name for phase in planned.phases), "quantiles")
    for offered in planned.routes:
        times_s = planned.arrivals(offered.route).times_s
        counts = [(phase, _count(times_s, *_window(planned, phase))) for phase in planned.phases]
        judged = [n for phase, n in counts if phase.name != "warmup"]
        cells = (str(n) if phase.name == "warmup" or not n else f"{n} ({_excluded(n)})" for phase, n in counts)
        p95 = "p95" if min(judged) >= LEAST_FOR_P95 else f"no p95 (n < {LEAST_FOR_P95})"
        yield (offered.route, per_second(offered.rate_per_s), *cells, p95)


def _window(planned: Plan, phase: Phase) -> tuple[float, float]:
    """Return what of a phase is judged: a lasting fault without its guards."""
    if phase.name != "fault":
        return phase.start_s, phase.end_s
    return fault_window(planned.faults, (phase.start_s, phase.end_s), planned.experiment.phases.guard_s)[:2]


def _count(times_s: tuple[float, ...], start_s: float, end_s: float) -> int:
    return max(0, bisect.bisect_left(times_s, end_s) - bisect.bisect_left(times_s, start_s))


def _excluded(n: int) -> str:
    return f"{smallest_share(n) * 100:.2g} %"


def _prediction(planned: Plan, name: str) -> tuple[str, ...]:
    found = next(each for each in planned.predictions if each.name == name)
    return found.name, f"{found.value:.4g} {found.unit}", found.formula


def _checks(planned: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Gather checks that differ in their last part only, in order."""
    for judged, checks in itertools.groupby(planned.checks, key=lambda each: each.rpartition(".")[0]):
        yield judged, tuple(each.rpartition(".")[2] for each in checks)


def _visible(planned: Plan) -> Iterator[str]:
    """
    Yield in words which effects on isolated routes the run will be able to see.

    A single event is judged by its value.
    """
    expected = planned.experiment.expect.bulkhead
    if expected is None or planned.closed or any(fault.shape == "impulse" for fault in planned.faults):
        return
    spans = [_window(planned, phase) for phase in planned.phases if phase.name in {"baseline", "fault"}]
    for route in expected.isolated:
        before, after = (_count(planned.arrivals(route).times_s, *span) for span in spans)
        of_control = 2 if planned.control() else 1
        error = math.sqrt(of_control * (quiet_error(before) ** 2 + quiet_error(after) ** 2))
        slowdown = visible_slowdown(error, expected.inflation.bound)
        bad = visible_share(before, after, expected.errors.bound)
        yield f"{route}: a slowdown of {slowdown:.1f} times, or {bad * 100:.2g} % of bad answers"


def _clock(t_s: float) -> str:
    return f"{t_s:6.1f} s"
