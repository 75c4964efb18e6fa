"""Render an analysis as Markdown for a pull request's comment: verdict and reason first, under two hundred lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gameday.analysis.model import Analysis, Finding, Happening
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from gameday.report import content, figures, routes

MOST_CHECKS = 60
MOST_HAPPENINGS = 50
MOST_ROUTES = 30
"""How many rows are shown, so that the whole stays under two hundred lines; what is left out is said."""


def markdown(analysis: Analysis, plan: Plan, about: About) -> str:
    """Render the comment: verdict, what was done, checks, gates, predictions, timeline, how to run it again."""
    parts = (
        head(analysis, plan.experiment.title, content.facts(analysis, plan, about)),
        _struck(analysis, plan),
        _deeds(analysis, plan),
        _checks(analysis, plan),
        _gates(analysis),
        _predictions(analysis),
        _timeline(analysis.timeline),
        _again(about),
    )
    return "\n\n".join("\n".join(part) for part in map(tuple, parts) if part) + "\n"


def head(analysis: Analysis, title: str, facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the verdict, what decided it and why, and what identifies the run."""
    yield f"## {content.MARKS[analysis.verdict]} {analysis.verdict.upper()}: {plain(title)}"
    yield ""
    decided, reason = content.headline(analysis)
    yield " ".join(filter(None, (f"**{plain(decided)}**" if decided else "", plain(reason))))
    yield ""
    for heading, told in content.causes(analysis):
        yield f"**{plain(heading)}.** {plain(told)}"
        yield ""
    yield " · ".join(f"{label} {code(value)}" for label, value in facts)


def _struck(analysis: Analysis, plan: Plan) -> Iterator[str]:
    lines = routes.struck(analysis, plan)
    if not lines:
        return
    yield "### The fault phase, per route"
    yield ""
    rows = (
        (
            plain(line.route) + (" (control)" if line.control else ""),
            line.fate.good,
            *(figures.share(part.n, line.fate.scheduled) if part.n else "0" for part in line.fate.parts[1:]),
            f"{line.usual_p95} → {line.fate.p95}",
        )
        for line in routes.most_telling(lines, MOST_ROUTES)
    )
    yield from table(("route", "good", *(f"{kind}" for kind in routes.KINDS[1:]), "p95"), "lrrrrrr", rows)
    if len(lines) > MOST_ROUTES:
        yield ""
        yield f"{len(lines) - MOST_ROUTES} further routes lost less."


def _deeds(analysis: Analysis, plan: Plan) -> Iterator[str]:
    yield "### What was done to whom"
    for deed in content.deeds(analysis, plan):
        yield ""
        yield f"**{plain(deed.title)}.** {plain(' '.join(deed.sentences))}"


def _checks(analysis: Analysis, plan: Plan) -> Iterator[str]:
    yield "### Checks"
    yield ""
    if not analysis.checks:
        yield "No check was planned."
        return
    ordered = [check for group in content.grouped(analysis.checks, analysis.decided_by) for check in group.checks]
    yield from table(
        ("", "check", "measured", "interval", "accepted", "n", "why"),
        "lllllrl",
        (_check(check, plan) for check in ordered[:MOST_CHECKS]),
    )
    if len(ordered) > MOST_CHECKS:
        yield ""
        yield f"{len(ordered) - MOST_CHECKS} further checks are in the HTML report."


def _check(check: Finding, plan: Plan) -> tuple[str, ...]:
    return (
        f"{content.MARKS[check.status]} {check.status}",
        f"{plain(check.title)} {code(check.id)}",
        content.value_of(check, plan),
        content.interval_of(check, plan),
        figures.accepted(check.op, check.bound, check.unit),
        figures.count(check.n) if check.n else figures.NOTHING,
        "" if check.status == "pass" else plain(check.reason),
    )


def _gates(analysis: Analysis) -> Iterator[str]:
    yield "### Gates"
    yield ""
    yield plain(content.gates_line(analysis.gates))
    told = [gate for gate in content.failed_first(analysis.gates) if gate.status != "pass"]
    if told:
        yield ""
    for gate in told:
        then = "" if gate.status == "shown" else f" {content.sentence(content.consequence(gate))}"
        yield f"- {content.MARKS[gate.status]} **{plain(gate.title)}** {code(gate.id)}: {plain(content.sentence(gate.reason))}{then}"
        for text in content.tracebacks(gate)[:1]:
            yield ""
            yield from (f"      {line}" for line in text.splitlines())
            yield ""


def _predictions(analysis: Analysis) -> Iterator[str]:
    if not analysis.predictions:
        return
    yield "### Predicted, and measured"
    yield ""
    rows = (
        (
            code(row.name),
            figures.quantity(row.predicted, row.unit),
            figures.quantity(row.measured, row.unit),
            content.gap(row),
            plain(row.formula),
        )
        for row in analysis.predictions
    )
    yield from table(("quantity", "predicted", "measured", "difference", "formula"), "lrrll", rows)


def _timeline(timeline: Sequence[Happening]) -> Iterator[str]:
    if not timeline:
        return
    yield "<details><summary>Timeline</summary>"
    yield ""
    shown = timeline[:MOST_HAPPENINGS]
    yield from table(
        ("load clock", "kind", "what"), "rll", ((figures.clock(h.t_s), h.kind, plain(h.text)) for h in shown)
    )
    if len(timeline) > len(shown):
        yield ""
        yield f"{len(timeline) - len(shown)} further lines are in the HTML report."
    yield ""
    yield "</details>"


def _again(about: About) -> Iterator[str]:
    yield "### Run it again"
    yield ""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", about.command)), default=0))
    yield f"{fence}sh"
    yield about.command
    yield fence
    yield ""
    yield (
        "Made with " + ", ".join(f"{plain(name)} {plain(version)}" for name, version in about.versions.items()) + "."
    )


def table(heads: tuple[str, ...], sides: str, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table; ``sides`` has ``l`` or ``r`` for each column."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---:' if side == 'r' else '---' for side in sides)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def plain(words: str) -> str:
    """Write words so that nothing in them is read as Markdown, HTML or a mention; a line end becomes a space."""
    safe = re.sub(r"([\\`*_\[\]|~#]|^[-+=])", r"\\\1", " ".join(words.split()))
    safe = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", safe)
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")


def code(words: str) -> str:
    """Write words as code, on one line; a dash where there are none."""
    line = " ".join(words.split()).replace("`", chr(0x2019)).replace("|", chr(0x2223))
    return f"`{line}`" if line else figures.NOTHING
