"""Undo a fault from its undo data alone, and see that it is healed; who does it, and how often, does not matter."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import cast

from gameday.faults.protocol import Data, Fault
from gameday.record.history import Event, History, Record
from gameday.runner.env import Env
from gameday.runner.signals import NUMBERS, may_interrupt
from gameday.targets.protocol import Cluster, Target, TargetError

HEAL_S = 12.0
"""How long a fault may take to be seen healed after its undo: a database recovers from its log, a service opens its connections."""
CLUSTER_HEAL_S = 60.0
"""The same in a cluster, where a pod is found a node, may wait for a volume, and has to be probed before it is ready."""


def undo_all(
    intended: Iterable[Record], faults: Mapping[str, Fault], target: Target, history: History, env: Env
) -> bool:
    """
    Undo every fault of these ``fault.intended`` records, in their order; one that resists does not stop the others.

    Returns:
        True when each was seen healed, so that nothing is outstanding.
    """
    with _undisturbed():
        healed = [_undo(record, faults, target, history, env) for record in intended]
    return all(healed)


def _undo(record: Record, faults: Mapping[str, Fault], target: Target, history: History, env: Env) -> bool:
    name = record.data["id"]
    try:
        fault, undo = faults[str(record.data["fault"])], cast("Data", record.data["undo"])
        fault.undo(undo, target)
        history.append(Event.FAULT_UNDONE, {"id": name})
        within_s = CLUSTER_HEAL_S if isinstance(target, Cluster) else HEAL_S
        until_s = env.now_s() + within_s
        while not _healed(fault, undo, target):
            if env.now_s() > until_s:
                raise TargetError(f"{name} was undone but still shows after {within_s:g} s{_why(target)}")  # noqa: TRY301 - one place records
            env.sleep(0.1)
        history.append(Event.FAULT_VERIFIED, {"id": name}, durable=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next fault must be undone and this one stays outstanding
        with suppress(OSError):  # a history that cannot be written must not stop the next undo
            history.append(
                Event.ERROR, {"where": f"undo {name}", "error": str(error), "traceback": traceback.format_exc()}
            )
        return False
    return True


def _healed(fault: Fault, undo: Data, target: Target) -> bool:
    """Look whether anything of it is left; where nobody answers for now, it is not seen healed yet."""
    try:
        return fault.healed(undo, target)
    except TargetError:
        return False


def _why(target: Target) -> str:
    """Return what the cluster says of pods that are not ready; nothing of another target, or where nobody answers."""
    with suppress(TargetError):
        if isinstance(target, Cluster) and (text := target.unready()):
            return f": {text}"
    return ""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """
    Hold back those of Ctrl-C, SIGTERM and SIGHUP that could end the undo: the first that came is raised again when it is over.

    Masking them would not do: the kernel hands a signal to any thread that does not mask it, and Python then interrupts this one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in NUMBERS
        if may_interrupt(number)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
