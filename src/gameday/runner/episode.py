"""
An episode: faults prepared, injected together, held, proven and undone. One episode is one activity for Chaos Toolkit.

The order is what makes it safe: the undo data of every fault is on the disk before the first effect, and the undo runs whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from gameday.experiment.catalogue import PlannedFault
from gameday.faults.protocol import Data, Fault, Proof
from gameday.record.history import Event, History, Record
from gameday.runner.env import Env
from gameday.runner.undo import undo_all
from gameday.targets.protocol import Target, TargetError

BEAT_S = 1.0
"""How often leases are renewed and effects looked at."""
_UNREAD: dict[str, JsonValue] = {"text": "its effect could not be read before the fault phase was over"}


@dataclass(slots=True)
class _Held:
    """A fault of the episode: its record, and what is known of its effect so far."""

    record: Record
    fault: Fault
    planned: PlannedFault
    injected: Data = field(default_factory=dict)
    proof: Proof | None = None
    confirmed: bool = False
    looking: Callable[[], bool] = lambda: False

    @property
    def name(self) -> str:
        return str(self.record.data["id"])


def run_episode(
    planned: Sequence[PlannedFault],
    faults: Mapping[str, Fault],
    target: Target,
    history: History,
    env: Env,
    *,
    start_s: float,
    end_s: float,
) -> None:
    """
    Inject the faults at ``start_s``, hold them until ``end_s`` (both on ``env``'s clock), undo them.

    An impulse is over once it is proven. A fault whose last look does not show it is recorded as inert; one that raised, as failed:
    then nothing further is injected.

    Raises:
        TargetError: A fault could not be prepared or injected, or was not seen healed; everything intended was undone before.
    """
    held: list[_Held] = []
    try:
        for number, each in enumerate(planned, 1):
            held.append(_prepare(f"{each.fault}-{number}", each, faults[each.fault], target, history))
        env.sleep_until(start_s)
        for one in held:
            _inject(one, target, history)
        _hold_or_say(held, target, history, env, end_s)
    finally:
        healed = undo_all([one.record for one in reversed(held)], faults, target, history, env)
    if not healed:
        raise TargetError("a fault could not be undone: gameday recover tries again")


def _prepare(name: str, planned: PlannedFault, fault: Fault, target: Target, history: History) -> _Held:
    undo = fault.prepare(planned, target)
    record = history.append(
        Event.FAULT_INTENDED,
        {"id": name, "fault": planned.fault, "parameters": planned.parameters, "undo": dict(undo)},
        durable=True,
    )
    return _Held(record, fault, planned)


def _inject(one: _Held, target: Target, history: History) -> None:
    try:
        one.injected = one.fault.inject(one.planned, target)
    except Exception as error:
        history.append(Event.FAULT_FAILED, {"id": one.name, "error": str(error)})
        raise
    history.append(Event.FAULT_INJECTED, {"id": one.name})


def _hold_or_say(held: Sequence[_Held], target: Target, history: History, env: Env, end_s: float) -> None:
    """Hold; when that fails, record that the faults did not last as long as they should."""
    try:
        _hold(held, target, history, env, end_s)
    except Exception as error:
        for one in held:
            history.append(Event.FAULT_FAILED, {"id": one.name, "error": f"it could not be held: {error}"})
        raise


def _hold(held: Sequence[_Held], target: Target, history: History, env: Env, end_s: float) -> None:
    beat_s = env.now_s()
    while env.now_s() < end_s:
        for one in held:
            one.fault.renew(one.planned, target)
            _look(one, target, env)
        beat_s += BEAT_S
        env.sleep_until(min(beat_s, end_s))
        for one in held:
            _note(one, history)
    for one in held:
        if one.proof is None or not one.proof.bites:
            proof = one.proof.data() if one.proof else _UNREAD
            history.append(Event.FAULT_INERT, {"id": one.name, "proof": proof})


def _look(one: _Held, target: Target, env: Env) -> None:
    """Read the effect beside the renewals: a canary takes as long as the delay it measures."""
    over = one.confirmed and one.planned.shape != "step"
    if over or one.looking():
        return

    def prove() -> None:
        try:
            one.proof = one.fault.prove(one.planned, target, one.injected)
        except TargetError as error:
            one.proof = Proof(bites=False, asked=0, measured=0, unit="", n=0, bypassed=0, text=str(error))

    one.looking = env.spawn(prove)


def _note(one: _Held, history: History) -> None:
    """Record the first proof that the fault bites; ``_hold`` records the last word."""
    if one.proof and one.proof.bites and not one.confirmed:
        one.confirmed = True
        history.append(Event.FAULT_CONFIRMED, {"id": one.name, "proof": one.proof.data()})
