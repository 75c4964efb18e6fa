"""Judge how often the origin was asked for the same key while an emptied cache refilled, and compare with the predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gameday.analysis.accounting import SIMULATED
from gameday.analysis.case import Case
from gameday.analysis.findings import ONE_EVENT, shown, undecided
from gameday.analysis.melt import melt
from gameday.analysis.model import Compared, Finding, Status
from gameday.analysis.pools import increase, mapped, missing, total
from gameday.analysis.routes import Requests
from gameday.analysis.wording import bound, percent
from gameday.experiment.model import Origin, Stampede
from gameday.experiment.prediction import REFILL_S
from gameday.record.requests import UNKNOWN

UNKNOWN_BOUND = 0.02
"""Above this share of answers that do not name their queries, too much of the refill is unseen."""
APART_BOUND = 0.02
"""How far the origin's own count of the whole load may be from that of the answers, as a share of its own."""
HANDFUL = 5
"""So many queries under way at the edges are no disagreement."""


@dataclass(frozen=True, slots=True)
class Refill:
    """
    What the rows say about the refill.

    Attributes:
        queries: Queries to the origin from the begin of the injection to ``REFILL_S`` after it had been done; ``keys`` distinct keys that they were for.
        unknown: Requests of the window whose queries are not known; ``n`` is all of them.
        amplification: Queries per second while the first query runs, relative to the baseline's.
    """

    queries: int
    keys: int
    unknown: int
    n: int
    amplification: float

    @property
    def duplicates(self) -> float:
        """Return queries per distinct key; 0 when nothing was refilled."""
        return self.queries / self.keys if self.keys else 0.0

    @property
    def seen(self) -> bool:
        """Return whether enough of the refill was seen to judge it."""
        return self.unknown <= UNKNOWN_BOUND * self.n


def refill(case: Case, origin: Origin) -> Refill:
    """Count queries and keys from the rows; a key is known from the plan's arrivals."""
    requests = case.routes[origin.route]
    keys = np.array(case.plan.arrivals(origin.route).keys, np.int64)
    begun_s, emptied_s = case.windows.fault.start_s, case.windows.injected_s
    window = requests.sent_within(begun_s, emptied_s + REFILL_S)
    known = window.where(window.origin != UNKNOWN)
    asking = known.where(known.origin >= 1)
    first = requests.sent_within(begun_s, emptied_s + origin.query_s)
    baseline = case.windows.baseline
    length_s = max(baseline.length_s, 1e-9)
    before = requests.sent_within(baseline.start_s, baseline.end_s)
    usual_per_s = max(_queries(before) / length_s, 1 / length_s)
    return Refill(
        queries=_queries(window),
        keys=len(np.unique(keys[asking.seq[asking.seq < len(keys)]])),
        unknown=len(window) - len(known),
        n=len(window),
        amplification=_queries(first) / origin.query_s / usual_per_s,
    )


def _queries(requests: Requests) -> int:
    return int(requests.origin[requests.origin != UNKNOWN].astype(np.int64).sum())


def stampede(case: Case) -> tuple[Finding, ...]:
    """Judge the duplicates and show what the origin went through; nothing when the experiment expects no stampede."""
    expected = case.plan.experiment.expect.stampede
    if expected is None:
        return ()
    origin = case.plan.system.origins[expected.origin]
    return (_duplicates(case, expected, origin), _counted(case, expected, origin), melt(case, expected.origin))


def _duplicates(case: Case, expected: Stampede, origin: Origin) -> Finding:
    id_, unit = "stampede.duplicates", "queries per key"
    title = f"{expected.origin} is asked once for each key that the cache lost"
    found, own = refill(case, origin), counted(case, expected.origin, origin)
    unseen = f"{found.unknown} of {found.n} requests did not say how often they asked {expected.origin}"
    if not found.keys:
        reason = f"nothing was asked of {expected.origin} in the {REFILL_S:g} s after the impulse: nothing was refilled"
        return undecided(
            id_,
            title,
            unit=unit,
            threshold=expected.duplicates,
            n=found.n,
            reason=reason,
            evidence=(unseen,) if found.unknown else (),
        )
    doubt = (
        f"{unseen}, more than {bound(UNKNOWN_BOUND, 'ratio')}" if not found.seen else _doubt(case, expected.origin, own)
    )
    by_origin = own is not None and not expected.duplicates.holds((own.refill - HANDFUL) / found.keys)
    failed = by_origin or not expected.duplicates.holds(found.duplicates)
    status = Status.FAIL if failed else Status.INCONCLUSIVE if doubt else Status.PASS
    why = f"; {doubt}" if status is Status.INCONCLUSIVE else ""
    told = (
        f"{expected.origin} itself counted {own.refill:.0f} queries in these {REFILL_S:g} s: {own.refill / found.keys:.2f} per key"
        if own is not None
        else _uncounted(case, expected.origin) or f"{expected.origin} published no count of its own"
    )
    return Finding(
        id=id_,
        title=title,
        status=status,
        value=found.duplicates,
        unit=unit,
        interval=None,
        op=expected.duplicates.op,
        bound=expected.duplicates.bound,
        n=found.n,
        reason=f"{found.queries} queries for {found.keys} keys within {REFILL_S:g} s: {found.duplicates:.2f} per key,"
        f" accepted is {expected.duplicates.bound:g}{f'; {told}' if by_origin else why}",
        evidence=(
            *(() if by_origin else (told,)),
            f"{expected.origin} got {found.amplification:.1f} times its usual queries while the first query ran",
            *((unseen,) if found.unknown else ()),
            ONE_EVENT,
        ),
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """
    What the origin counted itself, beside what the answers named.

    Attributes:
        whole: Queries from the load's start to the last sample; ``named`` is what the answers say of the same time.
        refill: Queries from the last sample before the impulse to the last one of the refill, without those that answers
            name from before the impulse.
    """

    whole: float
    named: int
    refill: float

    @property
    def apart(self) -> float:
        """Return the difference of both counts as a share of the origin's."""
        return abs(self.whole - self.named) / max(self.whole, 1.0)

    @property
    def agree(self) -> bool:
        """Return whether both counts tell the same story."""
        return self.apart <= APART_BOUND or abs(self.whole - self.named) <= HANDFUL


def counted(case: Case, name: str, origin: Origin) -> Counted | None:
    """Read the origin's own counter; None when it published none."""
    series = total(case.metrics, name, mapped(case.plan.system, name).origin_queries)
    t_s = series[0]
    refilled_s = case.windows.injected_s + REFILL_S
    if len(t_s) < 2 or t_s[-1] < refilled_s:
        return None
    requests = case.routes[origin.route]
    begun_s = float(t_s[t_s <= 0][-1]) if np.any(t_s <= 0) else float(t_s[0])
    impulse_s = case.windows.fault.start_s
    since_s = float(t_s[t_s <= impulse_s][-1]) if np.any(t_s <= impulse_s) else begun_s
    before = _queries(requests.sent_within(since_s, impulse_s))
    return Counted(
        whole=increase(series, begun_s, float(t_s[-1])),
        named=_queries(requests.sent_within(begun_s, float(t_s[-1]))),
        refill=max(0.0, increase(series, since_s, refilled_s) - before),
    )


def _uncounted(case: Case, name: str) -> str | None:
    """Return what is wrong with the origin's counter as the system file maps it; None when nothing is known to be."""
    return missing(case.metrics, name, mapped(case.plan.system, name).origin_queries)


def _doubt(case: Case, name: str, own: Counted | None) -> str | None:
    """Return why the answers' count may be wrong, None when the origin's own confirms it."""
    if own is None:
        return (
            None
            if case.plan.target == SIMULATED
            else _uncounted(case, name) or f"{name} published no count that could confirm it"
        )
    if own.agree:
        return None
    return f"{name} counted {own.whole:.0f} queries over the whole load and the answers named {own.named}: {percent(own.apart)} apart"


def _counted(case: Case, expected: Stampede, origin: Origin) -> Finding:
    """Show the whole run's queries as the origin counted them beside those that the answers named."""
    requests = case.routes[origin.route]
    named, unknown = _queries(requests), int(np.count_nonzero(requests.origin == UNKNOWN))
    rows = f"the answers named {named} queries" + (f", and {unknown} named none" if unknown else "")
    id_, title = "stampede.origin-queries", f"queries that {expected.origin} counted"
    own = counted(case, expected.origin, origin)
    return shown(
        id_,
        title,
        None if own is None else own.whole,
        unit="queries",
        n=len(requests),
        reason=f"{_uncounted(case, expected.origin) or f'{expected.origin} published no count'}; {rows}"
        if own is None
        else f"{expected.origin} counted {own.whole:.0f} queries over the whole load; {rows}: {percent(own.apart)} apart",
    )


def compared(case: Case) -> tuple[Compared, ...]:
    """Put each prediction of the plan beside its measured value."""
    expected = case.plan.experiment.expect.stampede
    origin = case.plan.system.origins.get(expected.origin) if expected else None
    measured: Mapping[str, float] = {}
    if origin is not None and (found := refill(case, origin)).keys and found.seen:
        measured = {"stampede.duplicates": found.duplicates, "stampede.amplification": found.amplification}
    return tuple(
        Compared(each.name, each.value, measured.get(each.name), each.unit, each.formula)
        for each in case.plan.predictions
    )
