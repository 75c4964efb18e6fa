"""
An episode: the faults of a plan prepared together, then each injected, held, proven and undone in its own time.

One episode is one activity for Chaos Toolkit. The order is what makes it safe: the undo data of every fault is on the disk before the
first effect, and the undo runs whatever happens. Nothing here waits for an effect or a healing: while one fault is looked at, the leases
of the others must be renewed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from gameday.experiment.catalogue import PlannedFault
from gameday.faults.place import see_called
from gameday.faults.protocol import Data, Fault
from gameday.record.history import Event, History, Record
from gameday.runner.env import Env
from gameday.runner.held import Held
from gameday.runner.undo import undo_all
from gameday.targets.protocol import Target, TargetError

BEAT_S = 1.0
"""How often leases are renewed, intensities set and effects looked at."""
INTENT_S = 0.05
"""How long before the first fault what is intended is put on the disk: a sync takes milliseconds, and a crash before it leaves nothing to undo."""


def run_episode(
    planned: Sequence[PlannedFault],
    faults: Mapping[str, Fault],
    target: Target,
    history: History,
    env: Env,
    *,
    origin_s: float,
) -> None:
    """
    Carry out faults whose times count from ``origin_s`` of ``env``'s clock.

    An impulse is over once it is proven, and undone with the last fault. A fault whose last look does not show it is recorded as inert; one
    that raised, as failed, and with it all that are on: then nothing further is injected.

    Raises:
        TargetError: A fault could not be prepared, injected or held, or was not seen healed; everything intended was undone before.
    """
    held: list[Held] = []
    try:
        undos = [
            _prepare(f"{each.fault}-{number}", each, faults, target, history) for number, each in enumerate(planned, 1)
        ]
        env.sleep_until(origin_s + min(each.start_s for each in planned) - INTENT_S)
        for number, (each, undo) in enumerate(zip(planned, undos, strict=True), 1):
            record = _intend(f"{each.fault}-{number}", each, undo, history)
            held.append(Held(record, faults[each.fault], each, target, history))
        try:
            _carry_out(held, env, origin_s)
        except Exception as error:
            for one in held:
                one.withdraw(error)
            raise
    finally:
        left = [one for one in reversed(held) if not one.verified]
        busy = [one for one in left if one.is_undoing]
        idle = [one.record for one in left if all(one is not other for other in busy)]
        healed = undo_all(idle, faults, target, history, env)
        for one in busy:
            with suppress(OSError):  # a history that cannot be written must not stop the next undo
                one.settle(env)
        healed &= undo_all([one.record for one in busy if not one.verified], faults, target, history, env)
    if not healed:
        raise TargetError("a fault could not be undone: gameday recover tries again")


def _prepare(name: str, planned: PlannedFault, faults: Mapping[str, Fault], target: Target, history: History) -> Data:
    """Read what the undo of a fault will need; where that fails, record why: nothing else tells it of a fault that never was."""
    try:
        see_called(planned, target)
        return faults[planned.fault].prepare(planned, target)
    except Exception as error:
        history.append(Event.FAULT_FAILED, {"id": name, "error": str(error)})
        raise


def _intend(name: str, planned: PlannedFault, undo: Data, history: History) -> Record:
    return history.append(
        Event.FAULT_INTENDED,
        {"id": name, "fault": planned.fault, "parameters": planned.parameters, "undo": dict(undo)},
        durable=True,
    )


def _carry_out(held: Sequence[Held], env: Env, origin_s: float) -> None:
    """Step every fault at each beat and whenever one begins, changes or ends, until the last one ends."""
    t_s = min(one.planned.start_s for one in held)
    end_s = max(one.planned.end_s for one in held)
    env.sleep_until(origin_s + t_s)
    beat_s = t_s + BEAT_S
    while (t_s := env.now_s() - origin_s) < end_s:
        for one in held:
            one.step(t_s, env)
        beat_s = max(beat_s, t_s)
        due_s = min(beat_s, *(one.next_s(t_s) for one in held), end_s)
        env.sleep_until(origin_s + due_s)
        if due_s == beat_s:
            beat_s += BEAT_S
        for one in held:
            one.note()
    for one in held:
        one.last_word()
