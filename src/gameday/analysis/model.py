"""What the analysis gives, as frozen types; it takes a ``RunData``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from gameday.experiment.plan import Phase


class Verdict(StrEnum):
    """The result of a run."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class Status(StrEnum):
    """The result of one check or gate; ``shown`` findings are printed and never judged."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval ``[lo, hi]`` at ``level`` (0.99 for 99 %); a bound may be infinite."""

    lo: float
    hi: float
    level: float


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One judged (or shown) quantity.

    Attributes:
        id: Such as ``bulkhead.login.latency``; for a planned check, the plan's name of it.
        title: What it says, in words a person on call reads: ``login stays as fast as before``.
        status: Pass, fail, inconclusive or shown.
        value: The measured value in ``unit``; None when there is nothing to measure.
        unit: ``s``, ``ratio`` (printed as percent), ``times``, ``queries per key``, ``requests`` ...
        interval: Of the value, in its unit; None for what was counted in this run.
        op: With ``bound``, the accepted range: ``<`` or ``>``; None when shown only.
        bound: In ``unit``.
        n: The number of requests behind it.
        reason: One sentence: why this status.
        evidence: Further sentences with numbers, most telling first.
        of_time: Whether it is about time, which a late or a closed generator blurs; an identifier cannot tell, as routes may have any name.
        compares: The windows that it was measured in; empty where it may be any.
        by_sample: Whether it is inconclusive for its sample alone, so that more runs may decide it.
        visible: The smallest true value that would have been seen to be beyond the bound with a probability of 95 %;
            None where none is known.
    """

    id: str
    title: str
    status: Status
    value: float | None
    unit: str
    interval: Interval | None
    op: Literal["<", ">"] | None
    bound: float | None
    n: int
    reason: str
    evidence: tuple[str, ...] = ()
    of_time: bool = False
    compares: tuple[str, ...] = ()
    by_sample: bool = False
    visible: float | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """
    A precondition of judging.

    ``forbids`` says what a failed gate takes away: ``verdict`` makes the run invalid, ``pass`` turns passes into
    inconclusive, ``latency-fail`` turns failed latency checks into inconclusive, and of these only such as were
    measured in one of ``windows``; those of all windows where it names none.
    """

    id: str
    title: str
    status: Status
    forbids: Literal["verdict", "pass", "latency-fail"]
    value: float | None
    unit: str
    op: Literal["<", ">"] | None
    bound: float | None
    n: int
    reason: str
    evidence: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()

    def spoils(self, compared: tuple[str, ...]) -> bool:
        """Return whether what does not hold concerns one of these windows; no windows are all of them."""
        return not self.windows or not compared or not set(self.windows).isdisjoint(compared)


@dataclass(frozen=True, slots=True)
class Compared:
    """A prediction beside what was measured; ``measured`` is None when it could not be."""

    name: str
    predicted: float
    measured: float | None
    unit: str
    formula: str


@dataclass(frozen=True, slots=True)
class RouteSeries:
    """
    One route over time, in bins of ``width_s`` (1 s, more in a long run) by scheduled start; all tuples have one entry per bin.

    ``good`` includes ``degraded``. ``hung`` counts what the checks call hung: given up on, or without an answer for the hang
    threshold since it was sent. ``bad`` counts late, error, connection, dropped, and what was still open but younger than that when
    the load ended. Good, rejected, bad and hung add up to the requests. Quantiles (s) are of all requests that were sent in the bin, an open
    one counting as the hang threshold; None below ten requests. ``in_flight`` is at the bin's end, of a wider bin
    the most at the end of one of its seconds.
    """

    route: str
    start_s: tuple[float, ...]
    good: tuple[int, ...]
    degraded: tuple[int, ...]
    rejected: tuple[int, ...]
    bad: tuple[int, ...]
    hung: tuple[int, ...]
    p50_s: tuple[float | None, ...]
    p95_s: tuple[float | None, ...]
    in_flight: tuple[int, ...]

    @property
    def width_s(self) -> float:
        """Return how wide the bins are."""
        return self.start_s[1] - self.start_s[0] if len(self.start_s) > 1 else 1.0


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """
    One route in one phase: counts by outcome name, missing rows, and quantiles (s) where n allows.

    ``cut`` of the censored ones were younger than the hang threshold when the load ended: they did not hang.
    """

    route: str
    phase: str
    scheduled: int
    outcomes: dict[str, int]
    missing: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    cut: int = 0


@dataclass(frozen=True, slots=True)
class SystemSeries:
    """One signal of the system under test over time, with the limit it cannot pass, if any."""

    group: Literal["pools", "database", "cache"]
    title: str
    unit: str
    t_s: tuple[float, ...]
    values: tuple[float, ...]
    limit: float | None


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline: when (load clock, s), what, and whether it is gameday's act, the system's or a person's."""

    t_s: float
    kind: Literal["run", "fault", "system", "load", "judgement"]
    text: str


@dataclass(frozen=True, slots=True)
class Kill:
    """
    How one kill went: moments on the load's clock, None for what was not seen while it was watched.

    Attributes:
        replicas: Who was killed, of so many (``of``) that served.
        acknowledged_s: When the target had agreed to it.
        left_s: When the last of the killed was no endpoint any more.
        failed_s: When the last request was sent that failed of it, at the soonest the acknowledgement; None when none failed.
        ready_s: When there were as many endpoints again.
        back_s: From when on the routes' share of good answers was the baseline's again.
        errors: Bad requests beyond the baseline's share.
        predicted: Expected errors until the last failure; ``predicted_by_endpoint`` those until the endpoint left, where others
            remained to serve.
        n: Requests looked at.
    """

    service: str
    replicas: tuple[str, ...]
    of: int
    acknowledged_s: float
    left_s: float | None
    failed_s: float | None
    ready_s: float | None
    back_s: float | None
    errors: float
    predicted: float
    predicted_by_endpoint: float | None
    n: int

    @property
    def name(self) -> str:
        """Return who was killed: ``web-1``, or ``web (2 of 3)``."""
        return self.replicas[0] if len(self.replicas) == 1 else f"{self.service} ({len(self.replicas)} of {self.of})"

    @property
    def outage_s(self) -> float:
        """Return how long clients saw it: from the acknowledgement to the last failure, 0 when none failed."""
        return 0.0 if self.failed_s is None else self.failed_s - self.acknowledged_s


OnsetKind = Literal[
    "left",
    "keys",
    "failures",
    "hits",
    "slow",
    "queries",
    "retries",
    "full",
    "lag",
    "control",
    "late",
    "bad",
    "degraded",
]
"""In the order of what may have begun at the same time: the nearer to a fault, the sooner."""


@dataclass(frozen=True, slots=True)
class Onset:
    """
    When one signal of a run left its baseline (load clock, s).

    Attributes:
        kind: What changed: a route's answers (``bad``, ``late``, ``degraded``), the ``control`` route, the generator's ``lag``; of a service ``left``, ``keys``,
            ``hits``, ``queries``, ``failures``, ``slow``, ``retries``, ``full``.
        subject: The route, service or pool that it is of; of calls the callee. ``by`` is the caller, or whose page counts it.
        text: What changed in words: ``calls to bank fail``.
        at_s: From when on; of what is sampled, after which sample.
        seen_s: When it could be seen first: the same, or the next sample.
        alarm_s: When it was beyond doubt.
        lag_s: ``seen_s`` relative to the begin of the first injection; of a run without one, to that of its fault phase.
    """

    kind: OnsetKind
    subject: str
    by: str
    text: str
    at_s: float
    seen_s: float
    alarm_s: float
    lag_s: float


@dataclass(frozen=True, slots=True)
class Detection:
    """How long after a route's first bad request of the event it was beyond doubt that it suffers."""

    route: str
    first_bad_s: float
    alarm_s: float

    @property
    def took_s(self) -> float:
        """Return the time to detect."""
        return self.alarm_s - self.first_bad_s


CauseName = Literal["pool", "node", "database", "cache", "generator", "callee", "retry storm", "unknown"]


@dataclass(frozen=True, slots=True)
class Cause:
    """
    Why users were affected.

    Attributes:
        name: One of seven, or ``unknown``; None where no user was affected.
        subject: The pool, service or route that it is; empty where it has no name.
        reason: Why it is this one, or why none can be named, in a clause.
        affected: The routes that were; ``measured`` all that could be seen to be.
        chain: Onsets in their order.
        detections: One for each affected route, the soonest first.
    """

    name: CauseName | None
    subject: str
    reason: str
    affected: tuple[str, ...]
    measured: tuple[str, ...]
    chain: tuple[Onset, ...] = ()
    detections: tuple[Detection, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """
    The judgement of one run.

    Attributes:
        verdict: Pass, fail, inconclusive or invalid.
        reason: One sentence, numbers included.
        decided_by: The identifier of the check or gate that the reason speaks of; None when all passed.
        phases: As they were planned; ``faulted`` as they were: ``(start_s, end_s, label)`` per fault.
        spans: The same times ``(start_s, end_s)`` in the order of the plan's faults; None for one that is not on record, or had no dose.
        cause: Why users were affected; None where that could not be looked for.
    """

    verdict: Verdict
    reason: str
    decided_by: str | None
    gates: tuple[Gate, ...]
    checks: tuple[Finding, ...]
    predictions: tuple[Compared, ...]
    phases: tuple[Phase, ...]
    faulted: tuple[tuple[float, float, str], ...]
    routes: tuple[RouteSeries, ...]
    summaries: tuple[RouteSummary, ...]
    system: tuple[SystemSeries, ...]
    timeline: tuple[Happening, ...]
    kills: tuple[Kill, ...] = ()
    spans: tuple[tuple[float, float] | None, ...] = ()
    cause: Cause | None = None
