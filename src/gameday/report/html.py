"""Render an analysis as one self-contained HTML page: no script, no resource from elsewhere, light and dark, phone and desktop."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gameday.analysis.model import Analysis, RouteSeries, Status, SystemSeries, Verdict
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from gameday.report import content, figures, plots, routes
from gameday.report.whisker import whisker

MOST_DRAWN = 8
"""So many routes have plots, and ..."""
MOST_ROUTES = 60
"""... so many stand in the tables, and ..."""
MOST_CHECKS = 200
"""... so many checks are shown, so that the page of two hundred routes stays under 2 MB; what is left out is said."""
BROKEN = 0.01
"""From which ratio of lost requests on a heading says that a route broke; nothing is judged by it."""


@dataclass(frozen=True, slots=True)
class DrawnRoute:
    """One route's three plots, and in words what became of its requests while the fault was on."""

    name: str
    control: bool
    told: str
    response_times: Markup
    outcomes: Markup
    in_flight: Markup


def html(analysis: Analysis, plan: Plan, about: About) -> str:
    """
    Render the page; the same bytes for the same values, wherever and whenever.

    The only files read are the template and the style sheet of this package.
    """
    struck, fates = routes.struck(analysis, plan), routes.fates(analysis, plan)
    drawn = _most_telling(analysis, struck)
    groups = content.grouped(analysis.checks, analysis.decided_by)
    return page(
        "page.html.j2",
        analysis,
        plan=plan,
        about=about,
        facts=content.facts(analysis, plan, about),
        causes=content.causes(analysis),
        struck=routes.most_telling(struck, MOST_ROUTES),
        broke=analysis.verdict == Verdict.FAIL and any(line.fate.lost > BROKEN for line in struck),
        deeds=content.deeds(analysis, plan),
        groups=content.worst(groups, MOST_CHECKS),
        gates_open=any(gate.status not in {Status.PASS, Status.SHOWN} for gate in analysis.gates),
        shade=_shade(analysis),
        left_out=_left_out(analysis, drawn),
        routes=tuple(_drawn(route, analysis, plan, struck, fates) for route in drawn),
        signals=tuple(_signals(analysis)),
        fates=_shown(fates, struck),
        words=content.words(plan),
        style=style() + _widths(struck[:MOST_ROUTES]),
    )


def page(template: str, analysis: Analysis, **more: object) -> str:
    """Render the page of one run: what every such page says of an analysis, and what its template asks for beside."""
    more = {"style": style(), **more}
    return (
        environment()
        .get_template(template)
        .render(
            analysis=analysis,
            meaning=content.conclusion(analysis.verdict),
            headline=content.headline(analysis),
            gates=content.failed_first(analysis.gates),
            gates_line=content.gates_line(analysis.gates),
            **more,
        )
    )


def _most_telling(analysis: Analysis, struck: tuple[routes.Struck, ...]) -> tuple[RouteSeries, ...]:
    """Return the routes that are drawn, in their order: of more than fit on a page, the control and those that lost most."""
    if len(analysis.routes) <= MOST_DRAWN:
        return analysis.routes
    drawn = {line.route for line in routes.most_telling(struck, MOST_DRAWN)}
    return tuple(route for route in analysis.routes if route.route in drawn)


def _drawn(
    route: RouteSeries,
    analysis: Analysis,
    plan: Plan,
    struck: tuple[routes.Struck, ...],
    fates: tuple[routes.Fate, ...],
) -> DrawnRoute:
    declared = plan.system.routes[route.route]
    line = next((line for line in struck if line.route == route.route), None)
    columns = plots.thinned(route)
    told = " ".join(
        f"{fate.phase.capitalize()}: {fate.good} good, p95 {fate.p95}." for fate in fates if fate.route == route.route
    )
    return DrawnRoute(
        name=route.route,
        control=declared.control,
        told=f"{line.fate.good} good in the fault" if line else "by what became of them",
        response_times=plots.response_times(
            columns, analysis, told, deadline_s=declared.deadline_s, hang_s=plan.experiment.load.hang_s
        ),
        outcomes=plots.outcomes(columns, analysis, told, bin_s=route.width_s),
        in_flight=plots.in_flight(columns, analysis),
    )


def _shown(fates: tuple[routes.Fate, ...], struck: tuple[routes.Struck, ...]) -> tuple[routes.Fate, ...]:
    """Return the lines of the routes that stand in the tables."""
    if len({fate.route for fate in fates}) <= MOST_ROUTES:
        return fates
    shown = {line.route for line in routes.most_telling(struck, MOST_ROUTES)}
    return tuple(fate for fate in fates if fate.route in shown)


def _left_out(analysis: Analysis, drawn: tuple[RouteSeries, ...]) -> str:
    """Say what the page leaves out of a large run; empty when it has everything."""
    told = []
    if len(analysis.routes) > len(drawn):
        told.append(f"{len(drawn)} of {len(analysis.routes)} routes are drawn: the control and those that lost most.")
    if len(analysis.routes) > MOST_ROUTES:
        told.append(f"The tables have {MOST_ROUTES}: the control and those that lost most.")
    if len(analysis.checks) > MOST_CHECKS:
        told.append(f"Of {len(analysis.checks)} checks the worst {MOST_CHECKS} are shown.")
    if told:
        told.append("Everything is in report.json.")
    if widths := {route.width_s for route in drawn if plots.thinned(route) is not route}:
        unit = "second" if max(widths) <= 1 else f"bin of {max(widths):g} s"
        told.append(f"Each column of a plot shows its worst {unit}.")
    return " ".join(told)


def _signals(analysis: Analysis) -> Iterator[tuple[SystemSeries, Markup]]:
    for group in ("pools", "database", "cache"):
        for series in analysis.system:
            if series.group == group and series.values:
                yield series, plots.signal(series, analysis)


def _shade(analysis: Analysis) -> str:
    if not analysis.faulted:
        return "No fault was on."
    told = [
        f"{label} at {figures.clock(start_s)}"
        if end_s - start_s < 1
        else f"{label} from {figures.clock(start_s)} to {figures.clock(end_s)}"
        for start_s, end_s, label in analysis.faulted
    ]
    return f"Red: {'; '.join(told)}."


@cache
def style() -> Markup:
    """Read the style sheet of every page."""
    text = files("gameday.report").joinpath("page", "page.css").read_text(encoding="utf-8").rstrip("\n")
    return Markup(text)  # noqa: S704 - the package's own file


def policy(text: str) -> str:
    """
    Return the Content-Security-Policy of a page with this style sheet: that one, and nothing else that could run or be fetched.

    Source:
        https://www.w3.org/TR/CSP3/, "script-src" and "style-src" with hashes of inline blocks.
    """
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _wide(ratio: float) -> str:
    """Return the class of a part of a whole: the policy allows no style of an element's own."""
    return f"w{round(1000 * ratio)}"


def _widths(struck: Iterable[routes.Struck]) -> Markup:
    """Return the rules of the classes that the page needs."""
    ratios = sorted({round(1000 * part.ratio) for line in struck for part in line.fate.parts if part.n})
    return Markup("").join(Markup("\ni.w{}{{width:{}%}}").format(n, figures.coordinate(n / 10)) for n in ratios)


@cache
def environment() -> Environment:
    """Prepare the templates, with what they call."""
    prepared = Environment(
        loader=PackageLoader("gameday.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        keep_trailing_newline=True,
    )
    prepared.globals.update(
        marks=content.MARKS,
        kinds=routes.KINDS,
        accepted=figures.accepted,
        clock=figures.clock,
        consequence=content.consequence,
        count=figures.count,
        gap=content.gap,
        interval_of=content.interval_of,
        policy=policy,
        quantity=figures.quantity,
        share=figures.share,
        wide=_wide,
        value_of=content.value_of,
        whisker=whisker,
    )
    return prepared
