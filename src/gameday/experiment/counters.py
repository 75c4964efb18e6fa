"""
Which metrics of a service's page count what proofs, gates, classes and plots need: ``services.NAME.counters``.

An entry is a metric's name, with matchers of its labels where it must be told from others, as PromQL writes them. Of a
histogram it is the name without ``_bucket``, ``_sum`` and ``_count``. Keys are those of ``record.metrics.sample_key``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from gameday.experiment.declared import Declared
from gameday.experiment.flaws import did_you_mean
from gameday.experiment.presets import BEFORE_MAPPINGS, PRESETS
from gameday.experiment.units import was_read

Labels = Mapping[str, str]
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
_MATCHER = rf'\s*({_LABEL_NAME})\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*'
_SELECTOR = re.compile(rf"({_NAME})(?:\s*\{{((?:{_MATCHER},)*(?:{_MATCHER})?)\}})?")
_LABEL = re.compile(rf'({_LABEL_NAME})="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_HOST = re.compile(r"(?:.*\||[a-z]+://)?([^.:/|]+)(?:[.:/].*)?")
_SHOWN = 6
_EXAMPLE = 'a metric\'s name, with labels where needed, such as requests_total or calls_total{outcome=~"error|timeout"}'


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label must hold; one that a sample does not have is empty, as in PromQL."""

    label: str
    op: str
    value: str

    def holds(self, labels: Labels) -> bool:
        """Return whether these labels match."""
        value = labels.get(self.label, "")
        same = re.fullmatch(self.value, value) is not None if "~" in self.op else value == self.value
        return same is not self.op.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's name, and what the labels of its samples must hold."""

    name: str
    matchers: tuple[Matcher, ...]

    def holds(self, labels: Labels) -> bool:
        """Return whether a sample with these labels is selected."""
        return all(matcher.holds(labels) for matcher in self.matchers)


@lru_cache(maxsize=512)
def selector(text: str) -> Selector:
    """Parse ``name`` or ``name{label="value",other=~"a|b"}``. Raises ``ValueError`` with what would be valid."""
    match = _SELECTOR.fullmatch(text.strip())
    if match is None:
        raise ValueError(_EXAMPLE)
    matchers = tuple(
        Matcher(label, op, _ESCAPED.sub(_unescaped, value)) for label, op, value in re.findall(_MATCHER, match[2] or "")
    )
    for matcher in matchers:
        if "~" in matcher.op:
            try:
                re.compile(matcher.value)
            except re.error as error:
                raise ValueError(
                    f"{_EXAMPLE}; {matcher.value!r} is no regular expression: {error.msg} at position {error.pos}"
                ) from None
    return Selector(match[1], matchers)


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1] if match[1] in '"\\' else match[0]


@lru_cache(maxsize=65_536)
def split_key(key: str) -> tuple[str, Mapping[str, str]]:
    """Return the name and the labels of a sample's key such as ``slots{pool="web"}``."""
    name, _, rest = key.partition("{")
    return name, {label: _ESCAPED.sub(_unescaped, value) for label, value in _LABEL.findall(rest)}


def _checked(text: str) -> str:
    selector(text)
    return text.strip()


def _presets(value: object, info: ValidationInfo) -> object:
    names = [value] if isinstance(value, str) else value
    if was_read(info) or names is None:
        return names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name in PRESETS for name in names):
        wrong = next((name for name in names if name not in PRESETS), "") if isinstance(names, list | tuple) else ""
        hint = did_you_mean(str(wrong), list(PRESETS))
        raise ValueError(
            f"a preset or a list of them: {', '.join(PRESETS)}{f'; not {wrong}' if wrong else ''}{f', {hint}' if hint else ''}"
        )
    return tuple(names)


Metric = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^\s*{_NAME}\s*(\{{.*\}})?\s*$",
            "description": "a metric's name, with matchers of its labels in braces where needed",
            "examples": ["requests_total"],
        }
    ),
]
LabelName = Annotated[
    str, Field(pattern=rf"^{_LABEL_NAME}$", description="the name of a label of a metric", examples=["route"])
]
Presets = Annotated[
    tuple[str, ...],
    BeforeValidator(_presets),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(PRESETS)},
                {"type": "array", "items": {"enum": list(PRESETS)}},
            ]
        }
    ),
]
Unit = Literal["s", "ms"]
_RISING = ("requests", "calls", "failures", "retries", "cache_hits", "cache_misses", "origin_queries")


class Counters(Declared):
    """
    Which metrics of a service's page count what; all that is left out is not looked for.

    ``preset`` names conventions that ship; what stands beside it overrides them, and of several presets a later one does. ``requests`` and
    ``request-time`` are of what the service answered, by the labels that hold a route and its method; ``calls``, ``failures``, ``call-time``
    and ``retries`` of what it asks of others, by the label that holds whom. ``call-time`` is of answered calls; ``failures-timed`` says that failed
    ones are in it too. ``in-flight`` and ``limit`` are of its pools; ``origin-queries``, ``connections``, ``connections-limit`` and ``keys`` are
    a store's; of ``breaker`` the largest of all replicas counts.
    """

    preset: Presets = ()
    requests: Metric | None = None
    request_time: Metric | None = None
    request_time_unit: Unit = "s"
    route_label: LabelName | None = None
    method_label: LabelName | None = None
    calls: Metric | None = None
    failures: Metric | None = None
    failures_timed: bool = False
    call_time: Metric | None = None
    call_time_unit: Unit = "s"
    dependency_label: LabelName | None = None
    retries: Metric | None = None
    in_flight: Metric | None = None
    limit: Metric | None = None
    pool_label: LabelName | None = None
    cache_hits: Metric | None = None
    cache_misses: Metric | None = None
    origin_queries: Metric | None = None
    connections: Metric | None = None
    connections_limit: Metric | None = None
    keys: Metric | None = None
    breaker: Metric | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_presets(cls, value: object, info: ValidationInfo) -> object:
        """Write out the presets, so that a run records what it was judged by."""
        if was_read(info) or not isinstance(value, dict):
            return value
        names = value.get("preset")
        entries: dict[str, object] = {}
        for name in [names] if isinstance(names, str) else names if isinstance(names, list | tuple) else ():
            entries.update(PRESETS.get(name, {}) if isinstance(name, str) else {})
        return {**entries, **value}

    def rising(self) -> frozenset[str]:
        """Return the names of its counters, which never fall while a process lives, whatever they end in."""
        texts = (cast("str | None", getattr(self, name)) for name in _RISING)
        return frozenset(selector(text).name for text in texts if text is not None)


NONE = Counters.model_construct()
"""What a service counts of which the system file says nothing."""


def before_mappings(kind: str) -> Counters:
    """Return what was read of the demo's services of a kind when no system file mapped any counter."""
    return Counters.model_validate(BEFORE_MAPPINGS.get(kind, {}), by_alias=True)


def in_seconds(value: float, unit: Unit) -> float:
    """Return a time of a metric in seconds."""
    return value / 1000 if unit == "ms" else value


def unpublished(service: str, metric: str, keys: Iterable[str], suffix: str = "") -> str | None:
    """Return that a page has no metric of a selector's name, and what it has; None where it has one."""
    wanted = selector(metric).name + suffix
    names = sorted({key.partition("{")[0] for key in keys})
    return None if wanted in names else f"{service} publishes no {wanted}; it publishes: {listed(names)}"


def unlabelled(service: str, metric: str, keys: Iterable[str], label: str | None, of: str) -> str | None:
    """Return that no sample of a metric has the label that holds what it is ``of``, and which labels it has; None where one has it."""
    names = {name for key in keys if (found := split_key(key))[0] == metric for name in found[1]}
    if label in names:
        return None
    has = listed(sorted(names)) if names else "no label"
    return f"{metric} of {service} has no label {label or f'that tells {of}s apart ({of}-label)'}; it has: {has}"


def unmatched(service: str, keys: Iterable[str], counters: Counters, route: str, request: str) -> str | None:
    """Return that no sample of a service's requests stands for a route, and what their label holds instead; None where one does."""
    metric = selector(counters.requests).name if counters.requests else ""
    is_its, label = of_route(counters, route, request), counters.route_label or ""
    found = [labels for name, labels in map(split_key, keys) if name == metric]
    if any(map(is_its, found)):
        return None
    has = listed(sorted({labels.get(label, "") for labels in found}))
    return f"no {metric} of {service} has {label} {route} or the path of {request}; its {label} is: {has}"


def listed(names: Collection[str]) -> str:
    """Return some of many names, and how many more there are."""
    shown = ", ".join(list(names)[:_SHOWN]) or "nothing"
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def of_route(counters: Counters, name: str, request: str) -> Callable[[Labels], bool]:
    """Return whether a sample's labels are those of a route, whose ``request`` has a method and a path; without a label none are."""
    label, of_method = counters.route_label, counters.method_label
    method, _, path = request.partition(" ")
    path = path.partition("?")[0]

    def is_its(labels: Labels) -> bool:
        return (
            label is not None
            and stands_for(labels.get(label, ""), name, path)
            and (of_method is None or labels.get(of_method, "").upper() in {"", method})
        )

    return is_its


def stands_for(value: str, name: str, path: str) -> bool:
    """Return whether a label's value is a route's name or its path; what is drawn may have any name: ``/product/{sku}``, ``/product/:sku``."""
    if value == name:
        return True
    parts, given = path.strip("/").split("/"), value.strip("/").split("/")
    return (
        value.startswith("/")
        and len(parts) == len(given)
        and all(
            part == part_given or ("{id}" in part and part_given[:1] in {"{", ":", "<", "*"})
            for part, part_given in zip(parts, given, strict=True)
        )
    )


def of_dependency(label: str | None, names: Collection[str], callees: Collection[str]) -> Callable[[Labels], bool]:
    """
    Return whether a sample's labels name a service: by its name, or by a host that begins with it.

    Without a label every sample does where the caller calls nobody else, and none does where it calls others too.
    """
    alone = bool(callees) and set(callees) <= set(names)

    def is_its(labels: Labels) -> bool:
        if label is None:
            return alone
        match = _HOST.fullmatch(labels.get(label, ""))
        return match is not None and match[1] in names

    return is_its
