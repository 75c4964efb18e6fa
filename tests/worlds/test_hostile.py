"""
Worlds in which a verdict is easily wrong, one by one, each with its known truth.

A real effect or an outage never passes, nothing never fails; where a world makes deciding impossible, nothing need be
decided. Rows are numbered as they were found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.model import Analysis, Status, Verdict
from gameday.analysis.repeats import repeated
from gameday.record.requests import Outcome
from worlds.characteristic import Case, chosen, measure
from worlds.layers import (
    Layer,
    added,
    cached,
    failing,
    fallback,
    hiccup,
    killed,
    leaking,
    lognormal,
    pausing,
    queue,
    retry_storm,
    slower,
    wandering,
    warming,
)
from worlds.runs import (
    BASELINE_S,
    END_S,
    FAULT,
    INJECTED_S,
    METHODS,
    QUIET,
    RATE_PER_S,
    UNDONE_S,
    World,
    finding,
    judged,
)

MID_S = INJECTED_S + 8
LOGIN, PULSE = QUIET["login"], QUIET["pulse"]
SLOW_LOGIN = lognormal(0.060, 0.47)
"""A p95 of 130 ms, so that a quarter more is beyond the 20 ms that are always allowed."""
BULKHEAD: dict[str, JsonValue] = {"bulkhead": {"isolated": ["login"]}}
BACKPRESSURE: dict[str, JsonValue] = {"backpressure": {"routes": ["work"]}}
BY_CHANCE = 0.01
"""How often a verdict about nothing may fail."""

Problem = Callable[[Analysis], str | None]
"""What is wrong with a verdict; None when nothing is."""


@dataclass(frozen=True, slots=True)
class Row:
    """A world by name, what would be wrong there, and whether chance may make that so in one run of a hundred."""

    name: str
    world: World
    wrong: Problem
    by_chance: bool = False


def login(*layers: Layer, **others: tuple[Layer, ...]) -> World:
    """Return a world in which login, and what else is named, does this; the fault acts on another route's backend."""
    return World({"login": layers, **others})


def is_none_of(*wrong: Verdict) -> Problem:
    """Object to these verdicts."""
    return lambda analysis: f"{analysis.verdict}: {analysis.reason}" if analysis.verdict in wrong else None


NOT_PASSED = is_none_of(Verdict.PASS, Verdict.INVALID)
NOT_FAILED = is_none_of(Verdict.FAIL)
FAILED = is_none_of(Verdict.PASS, Verdict.INVALID, Verdict.INCONCLUSIVE)
PASSED = is_none_of(Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE)


def latency_not_failing(analysis: Analysis) -> str | None:
    """Object to a latency check that does not fail, whatever else does."""
    check = finding(analysis, "bulkhead.login.latency")
    return None if check.status is Status.FAIL else f"{check.status}: {check.reason}"


def class_outside(*right: str) -> Problem:
    """Object to another class of backpressure than these."""

    def wrong(analysis: Analysis) -> str | None:
        reason = finding(analysis, "backpressure.work.class").reason
        return None if reason.split(":")[0] in right else reason

    return wrong


def slow_node(times: float) -> World:
    """Slow every route down, the control as well: a bulkhead that held would not help users. Truth: an effect."""
    slow = slower(times, FAULT)
    small = (lognormal(0.00094, 0.42), slow, added(0.0005))
    return login(*LOGIN, slow, work=(*LOGIN, slow), pulse=small)


def faster_control(times: float) -> World:
    """Slow login down by less than is allowed, while the control becomes faster. Truth: no effect to object to."""
    return login(SLOW_LOGIN, slower(times, FAULT), pulse=(lognormal(0.0033, 0.42), slower(0.39, (INJECTED_S, END_S))))


def warming_control(times: float) -> World:
    """Slow login down by less than is allowed, while the control warms up. Truth: no effect to object to."""
    return login(SLOW_LOGIN, slower(times, FAULT), pulse=(*PULSE, warming(3.0, 8.0)))


GUARDS = ((INJECTED_S, INJECTED_S + 2), (UNDONE_S - 2, UNDONE_S))
GUARDS_AND_RECOVERY = (GUARDS[0], (UNDONE_S - 2, UNDONE_S + 9.8))
BAD = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.REJECTED)


def outages() -> Iterable[Row]:
    """Yield total outages of login where windows do not look, and short ones where they do."""
    for outcome in BAD:
        out = outcome.name.lower()
        for name, spans in (("13.8 s in guards and recovery", GUARDS_AND_RECOVERY), ("4 s in guards", GUARDS)):
            yield Row(f"row 3 {name}, {out}", login(*LOGIN, failing(1, outcome, *spans)), FAILED)
    for outcome in BAD[:2]:
        out = outcome.name.lower()
        yield Row(f"row 4 1 s in mid-fault, {out}", login(*LOGIN, failing(1, outcome, (MID_S, MID_S + 1))), NOT_PASSED)
        for length_s in (1.3, 2, 4):
            down = failing(1, outcome, (MID_S, MID_S + length_s))
            yield Row(f"row 4 {length_s:g} s in mid-fault, {out}", login(*LOGIN, down), FAILED)


def bimodal() -> Iterable[Row]:
    """Yield effects that a p95 does not see."""
    hits = login(cached(0.005, 0.4, 0.15, slow=(0.1, FAULT)))
    yield Row("row 5 hits 20 times slower below the p95", hits, NOT_PASSED)
    rare = login(lognormal(0.012, 0.47), slower(30, FAULT, share=0.03))
    yield Row("row 5 3 % of requests 30 times slower", rare, NOT_PASSED, by_chance=True)
    sick = failing(0.1, Outcome.TIMEOUT, FAULT)
    yield Row("row 5 one of ten replicas answers nobody", login(*LOGIN, sick), FAILED)
    yield Row("row 6 everything from a fallback", login(*LOGIN, fallback(FAULT)), NOT_PASSED)


def lost_to_a_kill(lost_s: float) -> Row:
    """Lose so much load to a kill, half of it in flight. Truth: what is bad, and 0.2 s are accepted."""
    world = World(
        {"work": (lognormal(lost_s / 2 / np.exp(0.02), 0.2), killed(INJECTED_S, lost_s / 2))},
        fault="kill",
        expect={"outage": {"routes": ["work"], "lost": "< 0.2s"}},
        steady={"good": "> 97%"},
    )

    def wrong(analysis: Analysis) -> str | None:
        series = next(series for series in analysis.routes if series.route == "work")
        bad = sum(bad for at_s, bad in zip(series.start_s, series.bad, strict=True) if at_s < UNDONE_S)
        value_s = finding(analysis, "outage.work.lost").value
        if analysis.verdict is Verdict.INVALID or (analysis.verdict is Verdict.PASS and bad > 0.2 * RATE_PER_S):
            return f"{analysis.verdict}: {analysis.reason}"
        near = value_s is not None and abs(value_s - bad / RATE_PER_S) < 0.12 * bad / RATE_PER_S  # 4 sigma of the rate
        return None if near else f"{value_s} s lost, and not {bad} requests at {RATE_PER_S:g}/s"

    return Row(f"row 7 a kill loses {lost_s:g} s of load, half of it in flight", world, wrong)


def nothing_at_all() -> Iterable[Row]:
    """Yield worlds in which nothing is injected, or an impulse shows no effect, and the route is restless by itself."""
    steady = {"p95": "< 250ms", "good": "> 97%"}
    for every_s in (8.0, 10.0, 12.0):
        world = World({"login": (*LOGIN, pausing(0.5, every_s))}, fault="none", steady=steady)
        yield Row(f"row 8 pauses of 0.5 s every {every_s:g} s, also before", world, NOT_FAILED, by_chance=True)
    restless = {
        "autocorrelated noise": (*LOGIN, wandering(0.3)),
        "a queue at 0.9": (queue(4, 0.9),),
        "pauses": (*LOGIN, pausing(0.6, 12.0)),
    }
    for name, layers in restless.items():
        world = World({"login": layers}, fault="kill", expect={**BULKHEAD, "recovery": None}, steady={"good": "> 90%"})
        yield Row(f"row 9 an impulse without effect, {name}", world, NOT_FAILED, by_chance=True)
    leak = World({"login": (lognormal(0.015, 0.47), leaking(0.2))}, fault="none")
    yield Row("row 10 a leak older than the fault", leak, NOT_FAILED, by_chance=True)


def pressure() -> Iterable[Row]:
    """Yield how a route under pressure behaves, and the class that is."""

    def work(*layers: Layer) -> World:
        return World({"work": layers}, expect=BACKPRESSURE)

    refused = work(*LOGIN, failing(1, Outcome.REJECTED, FAULT))
    yield Row("row 12 everything rejected in 1 ms with capacity to spare", refused, NOT_PASSED)
    half = work(*LOGIN, failing(0.5, Outcome.CONNECTION, FAULT))
    yield Row("row 13 one of two replicas is dead, no queue", half, class_outside("erroring"))
    below = work(queue(4, 0.3, pressed=(0.95, FAULT)))
    stable = class_outside("bounded-queue", "unpressed", "undecided")
    yield Row("row 14 a load of 0.95 of capacity", below, stable, by_chance=True)
    above = work(queue(4, 0.3, pressed=(1.05, FAULT)))
    growing = class_outside("unbounded-queue", "undecided")
    yield Row("row 14 a load of 1.05 of capacity", above, growing, by_chance=True)
    stuck = work(retry_storm(8, 0.7, 8.0, FAULT))
    yield Row("row 15 a retry storm that stays", stuck, class_outside("metastable"))


def slow_with_hiccup() -> World:
    """Slow login down a hundred times, and stop the generator for 0.3 s of another route before. Truth: an effect."""
    return login(lognormal(0.0035, 0.47), slower(100, FAULT), work=(*LOGIN, hiccup(BASELINE_S + 4, 0.3)))


ROWS = (
    *(Row(f"row 0 nothing hostile, {fault}", World({}, fault=fault), PASSED, by_chance=True) for fault in METHODS),
    Row("row 0 nothing hostile, three times slower", login(*LOGIN, slower(3, FAULT)), FAILED),
    *(Row(f"row 1 a node {times:g} times slower", slow_node(times), FAILED) for times in (3, 5, 8)),
    *(
        Row(f"row 2 {times:g} times, {name}", world(times), NOT_FAILED, by_chance=True)
        for times in (1.25, 1.3)
        for name, world in (
            ("a control that becomes faster", faster_control),
            ("a control that warms up", warming_control),
        )
    ),
    *outages(),
    *bimodal(),
    *(lost_to_a_kill(lost_s) for lost_s in (0.45, 0.5, 0.6)),
    *nothing_at_all(),
    Row(
        "row 11 twice as slow while it warms up",
        login(*LOGIN, warming(3.0, 12.0), slower(2, FAULT)),
        is_none_of(Verdict.PASS),
    ),
    *pressure(),
    Row("row 17 a hundred times slower, and a hiccup elsewhere", slow_with_hiccup(), latency_not_failing),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_verdicts_hold_in_hostile_worlds(row: Row, revision_seed: int, pytestconfig: pytest.Config) -> None:
    """The verdict is right in every run, or but for chance in all: beyond what one in a hundred makes likely."""
    runs: int = pytestconfig.option.seeds
    seeds = range(revision_seed, revision_seed + (runs if row.by_chance else max(3, runs // 4)))
    wrong = [f"seed {seed}: {problem}" for seed in seeds if (problem := row.wrong(judged(row.world, seed)))]
    assert len(wrong) <= (likely(len(seeds)) if row.by_chance else 0), "\n".join(
        [f"{len(wrong)} of {len(seeds)}", *wrong]
    )


@pytest.mark.parametrize(
    "case",
    [case for case in chosen(()) if case.is_nothing or case.is_large],
    ids=lambda case: f"{case.name}, {case.size:g} {case.unit}",
)
def test_the_characteristic_holds(case: Case, revision_seed: int, pytestconfig: pytest.Config) -> None:
    """Nothing fails but by chance; neither three times as slow nor a second of outage passes: a sample of the table."""
    runs: int = pytestconfig.option.seeds
    seeds = range(revision_seed, revision_seed + (runs if case.is_nothing else max(3, runs // 4)))
    wrong = [measure(case, seed).bulkhead for seed in seeds].count(Status.FAIL if case.is_nothing else Status.PASS)
    assert wrong <= (likely(len(seeds)) if case.is_nothing else 0), f"{wrong} of {len(seeds)}"


@pytest.mark.parametrize(
    ("world", "wrong"),
    [
        (World({"login": (lognormal(0.015, 0.47), leaking(0.2))}, fault="none"), Verdict.FAIL),
        (login(*LOGIN, warming(2.5, 9.0), slower(2, FAULT)), Verdict.PASS),
        (login(*LOGIN, failing(1, Outcome.TIMEOUT, (END_S - 1, END_S))), Verdict.PASS),
    ],
    ids=["a leak older than the fault", "twice as slow while it warms up", "an outage up to the end"],
)
def test_more_runs_of_a_world_that_misleads_each_of_them_do_not_mislead_together(
    world: World, wrong: Verdict, revision_seed: int
) -> None:
    """What is no noise is in every run, and in their mean as well."""
    runs = [judged(world, seed) for seed in range(revision_seed, revision_seed + 5)]
    assert repeated(runs, asked=len(runs)).verdict is not wrong


def likely(runs: int) -> int:
    """Return how many of so many runs a chance of one in a hundred spoils but once in a thousand times."""
    spoiled = np.random.default_rng(1).binomial(runs, BY_CHANCE, 200_000)
    return int(np.quantile(spoiled, 0.999))
