"""
Recognise a plain Chaos Toolkit experiment and say, as frozen values, what it will do. Pure.

A plain experiment has none of gameday's sections. It names no system and no load, so there is nothing to plan but the order of its
activities; Chaos Toolkit alone knows what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import ConfigDict, JsonValue, TypeAdapter, with_config

SECTIONS = frozenset({"system", "load", "phases", "expect", "safety", "decides"})
"""Keys that only gameday's own experiments have."""
ACTIVITY = "activity"
"""The fault that stands for an activity of Chaos Toolkit in the method of one of gameday's own experiments."""
KNOWN = (
    "title",
    "description",
    "version",
    "tags",
    "contributions",
    "configuration",
    "secrets",
    "controls",
    "steady-state-hypothesis",
    "method",
    "rollbacks",
    "runtime",
    "extensions",
)
"""Chaos Toolkit's own keys (its specification, "Experiment"); ``dry`` is an option of its command line."""
_ALONE = frozenset({"rollbacks", "configuration", "secrets", "controls", "runtime", "contributions", "extensions"})
"""Keys that only Chaos Toolkit's experiments have: they tell one whose method is broken from one of gameday's."""
LONGEST_S = 3600.0
"""How long an activity without a ``timeout`` may take before the run is ended: far beyond any game day's step."""

Section = Literal["before", "during", "method", "after", "rollbacks"]


@dataclass(frozen=True, slots=True)
class Step:
    """
    One activity as it is declared.

    ``timeout_s`` is None where it declares none; ``proven`` tells whether a ``proof:`` probe looks at its effect, ``judged`` whether it is
    a probe of the method with a tolerance of its own, which is a check. One that the method borrows from the hypothesis is not.
    """

    name: str
    kind: Literal["probe", "action"]
    provider: str
    background: bool = False
    timeout_s: float | None = None
    proven: bool = False
    judged: bool = False


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class ForeignPlan:
    """
    A plain Chaos Toolkit experiment before it is run.

    Attributes:
        name: The stem of its file.
        hypothesis: The title of its steady-state hypothesis; None without one.
        strategy: When the hypothesis is evaluated, in Chaos Toolkit's words.
        probes: Of the hypothesis; ``method`` and ``rollbacks`` likewise, all in file order.
    """

    name: str
    title: str
    description: str
    tags: tuple[str, ...]
    hypothesis: str | None
    strategy: str
    probes: tuple[Step, ...]
    method: tuple[Step, ...]
    rollbacks: tuple[Step, ...]

    @property
    def actions(self) -> tuple[Step, ...]:
        """Return what the method does to somebody."""
        return tuple(step for step in self.method if step.kind == "action")

    def told(self, text: Callable[[str], str]) -> ForeignPlan:
        """Return the plan with every text that somebody wrote passed through ``text``, which hides secrets."""

        def steps(of: tuple[Step, ...]) -> tuple[Step, ...]:
            return tuple(replace(step, name=text(step.name), provider=text(step.provider)) for step in of)

        return replace(
            self,
            title=text(self.title),
            description=text(self.description),
            tags=tuple(map(text, self.tags)),
            hypothesis=text(self.hypothesis) if self.hypothesis else None,
            probes=steps(self.probes),
            method=steps(self.method),
            rollbacks=steps(self.rollbacks),
        )

    def to_json(self) -> str:
        """Write the plan; ``read_foreign_plan`` reads it back."""
        return _ADAPTER.dump_json(self, indent=1).decode() + "\n"


_ADAPTER = TypeAdapter(ForeignPlan)


def read_foreign_plan(text: str) -> ForeignPlan:
    """Read what ``ForeignPlan.to_json`` wrote. Raises pydantic's ``ValidationError`` on anything else."""
    return _ADAPTER.validate_json(text)


def is_foreign(value: object) -> bool:
    """
    Return whether a file's value is a plain Chaos Toolkit experiment: it has activities, and nothing of gameday's own.

    One whose method is missing, or holds what is no activity, is known by its probes and by keys that only Chaos Toolkit has.
    """
    if not isinstance(value, Mapping) or not SECTIONS.isdisjoint(value):
        return False
    method, hypothesis = value.get("method"), value.get("steady-state-hypothesis")
    probes = hypothesis.get("probes") if isinstance(hypothesis, Mapping) else None
    entries = [*(method if isinstance(method, list) else ()), *(probes if isinstance(probes, list) else ())]
    if any(_is_short_form(entry) for entry in entries):
        return False
    if isinstance(method, list) and all(is_activity(entry) for entry in entries):
        return True
    return not _ALONE.isdisjoint(value) or any(is_activity(entry) for entry in entries)


def is_activity(entry: object) -> bool:
    """Return whether an entry of a method is written as Chaos Toolkit writes it, and not as a short form."""
    return isinstance(entry, Mapping) and not {"provider", "ref", "type"}.isdisjoint(entry)


def _is_short_form(entry: object) -> bool:
    """Return whether an entry of a method or a hypothesis can only be one of gameday's own."""
    return isinstance(entry, str) or (
        isinstance(entry, Mapping) and bool(entry) and not is_activity(entry) and "name" not in entry
    )


def foreign_plan(value: Mapping[str, JsonValue], *, name: str) -> ForeignPlan:
    """Read the activities of a plain experiment; what is malformed in it is left to Chaos Toolkit's own validation."""
    hypothesis = _mapping(value.get("steady-state-hypothesis"))
    runtime = _mapping(_mapping(value.get("runtime")).get("hypothesis"))
    probes, method, rollbacks = (
        _list(each) for each in (hypothesis.get("probes"), value.get("method"), value.get("rollbacks"))
    )
    named = {str(each.get("name")): each for each in (*method, *probes) if "ref" not in each}
    borrowed = [each["name"] for each in probes if "name" in each]
    return ForeignPlan(
        name=name,
        title=str(value.get("title") or name),
        description=str(value.get("description") or ""),
        tags=tuple(str(tag) for tag in _plain_list(value.get("tags"))),
        hypothesis=str(hypothesis.get("title") or "the steady state") if probes else None,
        strategy=str(runtime.get("strategy") or "default"),
        probes=tuple(_step(each, named) for each in probes),
        method=tuple(
            replace(_step(each, named), judged=_judged(_declared(each, named)) and each.get("ref") not in borrowed)
            for each in method
        ),
        rollbacks=tuple(_step(each, named) for each in rollbacks),
    )


def _step(entry: Mapping[str, JsonValue], named: Mapping[str, Mapping[str, JsonValue]]) -> Step:
    ref, entry = entry.get("ref"), _declared(entry, named)
    timeout = entry.get("timeout")
    return Step(
        name=str(entry.get("name") or ref or "?"),
        kind="action" if entry.get("type") == "action" else "probe",
        provider=_provider(_mapping(entry.get("provider"))),
        background=bool(entry.get("background")),
        timeout_s=float(timeout) if isinstance(timeout, int | float) else None,
        proven=isinstance(entry.get("proof"), Mapping),
    )


def _judged(activity: Mapping[str, JsonValue]) -> bool:
    return activity.get("type") == "probe" and "tolerance" in activity


def _declared(entry: Mapping[str, JsonValue], named: Mapping[str, Mapping[str, JsonValue]]) -> Mapping[str, JsonValue]:
    """Return the activity that an entry of a list is, or refers to."""
    return named.get(str(entry["ref"]), entry) if entry.get("ref") else entry


def _provider(provider: Mapping[str, JsonValue]) -> str:
    """Name what an activity calls; never its arguments, which may hold secrets."""
    kind = str(provider.get("type"))
    match kind:
        case "python":
            return f"python {provider.get('module')}.{provider.get('func')}"
        case "process":
            return f"process {provider.get('path')}"
        case "http":
            return f"http {provider.get('method') or 'GET'}"
    return kind


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _plain_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _list(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [each for each in _plain_list(value) if isinstance(each, dict)]
