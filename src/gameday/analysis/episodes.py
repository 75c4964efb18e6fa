"""What became of each planned fault, folded from the history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.foreign import ACTIVITY
from gameday.experiment.plan import Plan
from gameday.record.history import Event, Record

_MOST_PLACES = 3  # more of them are counted


@dataclass(frozen=True, slots=True)
class Episode:
    """
    One fault as it was planned and as it went.

    Attributes:
        id: The history's name of it; None when it was never even intended.
        planned: None when the history speaks of a fault that the plan does not have.
        took_s: How long the injection took, which had been done at ``injected_s``.
        proof: What confirmed it, or showed it inert.
        failure: Why it is not proven, if the history says so.
        others: Of a kill, how many replicas of the service were not killed, where that was recorded.
    """

    label: str
    planned: PlannedFault | None
    id: str | None = None
    injected_s: float | None = None
    took_s: float = 0.0
    confirmed_s: float | None = None
    undone_s: float | None = None
    verified_s: float | None = None
    proof: JsonValue = None
    failure: str | None = None
    others: int | None = None

    @property
    def provable(self) -> bool:
        """
        Return whether anything looks for its effect.

        An activity of Chaos Toolkit without a ``proof:`` has nothing.
        """
        return self.planned is None or self.planned.fault != ACTIVITY or bool(self.planned.parameters.get("proof"))

    @property
    def begun_s(self) -> float | None:
        """Return since when it may have had an effect: an impulse acts at some moment of its injection."""
        return None if self.injected_s is None else self.injected_s - self.took_s

    @property
    def asked(self) -> bool:
        """Return whether any effect was asked for."""
        return self.planned is None or self.planned.shape != "none"


def episodes(plan: Plan, history: Iterable[Record]) -> tuple[Episode, ...]:
    """Return one episode per planned fault in the plan's order, then those that the plan does not know."""
    records = tuple(history)
    waiting = list(enumerate(plan.faults))
    found: dict[int, Episode] = {}
    beyond: list[Episode] = []
    for record in records:
        if record.event != Event.FAULT_INTENDED:
            continue
        name = str(record.data.get("fault"))
        match = next((entry for entry in waiting if entry[1].fault == name), None)
        episode = _follow(Episode(name, match[1] if match else None, id=str(record.data.get("id"))), records)
        if match is None:
            beyond.append(episode)
        else:
            waiting.remove(match)
            found[match[0]] = replace(episode, label=_label(match[1]))
    planned = (found.get(index) or _not_intended(index, fault, records) for index, fault in enumerate(plan.faults))
    return (*planned, *beyond)


def _not_intended(index: int, fault: PlannedFault, records: tuple[Record, ...]) -> Episode:
    """Return a fault that nothing was noted for, and why, where its preparation failed: the runner numbers them in the plan's order."""
    name = f"{fault.fault}-{index + 1}"
    errors = [r.data.get("error") for r in records if r.event == Event.FAULT_FAILED and r.data.get("id") == name]
    return Episode(_label(fault), fault, failure=f"it could not be prepared: {errors[-1]}" if errors else None)


def _label(fault: PlannedFault) -> str:
    if fault.fault == ACTIVITY:
        return str(fault.parameters["name"])
    places, kind = (fault.edges, "edges") if fault.edges else (fault.services, "services")
    where = ", ".join(places) if len(places) <= _MOST_PLACES else f"{len(places)} {kind}"
    return f"{fault.fault}: {where}" if where else fault.fault


def _follow(episode: Episode, records: tuple[Record, ...]) -> Episode:
    for record in records:
        if str(record.data.get("id")) != episode.id:
            continue
        if record.event == Event.FAULT_INJECTED and episode.injected_s is None:
            others = record.data.get("others")
            episode = replace(
                episode,
                injected_s=record.t_s,
                took_s=_seconds(record.data.get("took_s")),
                others=len(others) if isinstance(others, list) else None,
            )
        elif record.event == Event.FAULT_CONFIRMED and episode.confirmed_s is None:
            episode = _confirmed(episode, record)
        elif record.event == Event.FAULT_INERT:
            episode = replace(episode, proof=record.data.get("proof"), failure="no effect was proven")
        elif record.event == Event.FAULT_FAILED:
            episode = replace(episode, failure=_failed(episode, str(record.data.get("error"))))
        elif record.event == Event.FAULT_UNDONE and episode.undone_s is None:
            episode = replace(episode, undone_s=record.t_s)
        elif record.event == Event.FAULT_VERIFIED:
            episode = replace(episode, verified_s=record.t_s)
    return episode


def _seconds(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else 0.0


def _confirmed(episode: Episode, record: Record) -> Episode:
    """Take a confirmation at the word of its proof: one that says itself that it does not bite confirms nothing."""
    proof = record.data.get("proof")
    if isinstance(proof, Mapping) and proof.get("bites") is False:
        return replace(episode, proof=proof, failure="what is recorded as its confirmation shows no effect")
    return replace(episode, confirmed_s=record.t_s, proof=proof)


def _failed(episode: Episode, error: str) -> str:
    """Return why a fault failed: it could not be injected, or it could not be held."""
    if episode.injected_s is None:
        return f"it could not be injected: {error}"
    held = "it could not be held"
    return error if error.startswith(held) else f"{held}: {error}"


def describe_proof(proof: JsonValue) -> str:
    """Write a proof in its own words, or as its numbers when it has none."""
    if not isinstance(proof, Mapping):
        return "no proof was recorded" if proof is None else str(proof)
    text = proof.get("text")
    return text if isinstance(text, str) and text else describe_numbers(proof)


def describe_numbers(proof: Mapping[str, JsonValue]) -> str:
    """Write a proof's numbers: ``asked for 2 s, measured 2.009 s, n=412, 0 not reached``."""
    unit = f" {proof['unit']}" if proof.get("unit") else ""
    parts = [
        f"{word} {_number(proof[key])}{unit}"
        for key, word in (("asked", "asked for"), ("measured", "measured"))
        if key in proof
    ]
    parts += [f"n={_number(proof['n'])}"] if "n" in proof else []
    parts += [f"{_number(proof['bypassed'])} not reached"] if "bypassed" in proof else []
    return ", ".join(parts) or "the proof has no numbers"


def _number(value: JsonValue) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
