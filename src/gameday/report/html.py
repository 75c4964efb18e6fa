"""Render an analysis as one self-contained HTML page: no script, no resource from elsewhere, light and dark, phone and desktop."""

from __future__ import annotations

from collections.abc import Iterator
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
    struck = routes.struck(analysis, plan)
    return page(
        "page.html.j2",
        analysis,
        plan=plan,
        about=about,
        facts=content.facts(analysis, plan, about),
        struck=struck,
        broke=analysis.verdict == Verdict.FAIL and any(line.fate.lost > BROKEN for line in struck),
        deeds=content.deeds(analysis, plan),
        groups=content.grouped(analysis.checks, analysis.decided_by),
        gates_open=any(gate.status not in {Status.PASS, Status.SHOWN} for gate in analysis.gates),
        shade=_shade(analysis),
        routes=tuple(_drawn(route, analysis, plan, struck) for route in analysis.routes),
        signals=tuple(_signals(analysis)),
        fates=routes.fates(analysis, plan),
        words=content.words(plan),
    )


def page(template: str, analysis: Analysis, **more: object) -> str:
    """Render the page of one run: what every such page says of an analysis, and what its template asks for beside."""
    return (
        environment()
        .get_template(template)
        .render(
            analysis=analysis,
            style=style(),
            meaning=content.conclusion(analysis.verdict),
            headline=content.headline(analysis),
            gates=content.failed_first(analysis.gates),
            gates_line=content.gates_line(analysis.gates),
            **more,
        )
    )


def _drawn(route: RouteSeries, analysis: Analysis, plan: Plan, struck: tuple[routes.Struck, ...]) -> DrawnRoute:
    declared = plan.system.routes[route.route]
    line = next((line for line in struck if line.route == route.route), None)
    told = " ".join(
        f"{fate.phase.capitalize()}: {fate.good} good, p95 {fate.p95}."
        for fate in routes.fates(analysis, plan)
        if fate.route == route.route
    )
    return DrawnRoute(
        name=route.route,
        control=declared.control,
        told=f"{line.fate.good} good in the fault" if line else "by what became of them",
        response_times=plots.response_times(
            route, analysis, told, deadline_s=declared.deadline_s, hang_s=plan.experiment.load.hang_s
        ),
        outcomes=plots.outcomes(route, analysis, told),
        in_flight=plots.in_flight(route, analysis),
    )


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
        percent=lambda ratio: figures.coordinate(100 * ratio),
        quantity=figures.quantity,
        share=figures.share,
        value_of=content.value_of,
        whisker=whisker,
    )
    return prepared
