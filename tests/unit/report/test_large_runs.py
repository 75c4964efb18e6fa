"""Runs of an hour and of two hundred routes have pages that a browser opens, and what was worst is still on them."""

from __future__ import annotations

import re
from dataclasses import replace

from gameday.analysis.model import RouteSeries
from gameday.report.html import html
from gameday.report.markdown import markdown
from gameday.report.plots import MOST_COLUMNS, thinned
from unit.report.analyses import CASES

HOUR_S = 3600
MOST_BYTES = 2_000_000


def _series(route: str, seconds: int) -> RouteSeries:
    """Return an hour of which one second was bad."""
    bad = tuple(30 if second == 1234 else 0 for second in range(seconds))
    p95_s = tuple(2.5 if count else 0.02 + second % 7 / 1000 for second, count in enumerate(bad))
    return RouteSeries(
        route=route,
        start_s=tuple(map(float, range(seconds))),
        good=tuple(30 - count for count in bad),
        degraded=(0,) * seconds,
        rejected=(0,) * seconds,
        bad=bad,
        hung=(0,) * seconds,
        p50_s=(0.01,) * seconds,
        p95_s=p95_s,
        in_flight=bad,
    )


def test_the_page_of_an_hour_and_two_hundred_routes_stays_small() -> None:
    """Routes beyond those that lost most are folded, and the page says so; every plot has a column for several seconds."""
    case = CASES["failed"]()
    plan, analysis = case.plan, case.analysis
    first = plan.routes[0].route
    names = [f"{first}-{index}" for index in range(200)]
    declared = dict.fromkeys(names, plan.system.routes[first].model_copy(update={"control": False}))
    declared[names[77]] = plan.system.routes[first].model_copy(update={"control": True})
    system = plan.system.model_copy(update={"routes": plan.system.routes | declared})
    loads = tuple(replace(plan.routes[0], index=index, route=name) for index, name in enumerate(names))
    many = replace(
        analysis,
        routes=tuple(_series(name, HOUR_S) for name in names),
        summaries=tuple(
            replace(each, route=name) for name in names for each in analysis.summaries if each.route == first
        ),
        checks=tuple(replace(each, id=f"{each.id}.{name}") for name in names[:100] for each in analysis.checks),
    )
    planned = replace(plan, system=system, routes=loads)
    text = html(many, planned, case.about)
    assert len(text.encode()) < MOST_BYTES
    assert "8 of 200 routes are drawn" in text
    assert "The tables have 60: the control and those that lost most." in text
    assert "Each column of a plot shows its worst second." in text
    rows = re.findall(rf"<th[^>]*>(?:<[^>]*>)*({first}-\d+)", text)
    assert names[77] in rows
    assert f"{names[77]} (control)" in markdown(many, planned, case.about)


def test_the_page_of_wider_bins_names_their_width() -> None:
    """In a run of more than 900 s a column's worst is no second, but a bin."""
    case = CASES["failed"]()
    hour = _series(case.plan.routes[0].route, 900)
    wide = replace(hour, start_s=tuple(second * 4.0 for second in range(900)))
    text = html(replace(case.analysis, routes=(wide,)), case.plan, case.about)
    assert "Each column of a plot shows its worst bin of 4 s." in text


def test_a_thinned_series_keeps_its_worst_second() -> None:
    """One second in an hour is seen; a short series is left as it is."""
    shown = thinned(_series("login", HOUR_S))
    assert len(shown.start_s) <= MOST_COLUMNS
    assert (max(shown.bad), max(shown.in_flight), max(value or 0 for value in shown.p95_s)) == (30, 30, 2.5)
    short = _series("login", MOST_COLUMNS)
    assert thinned(short) is short
