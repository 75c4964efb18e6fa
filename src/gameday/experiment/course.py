"""When a planned fault is on, and how strong it is at each moment of that. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.timing import Timing


def timed(fault: PlannedFault, timing: Timing, *, start_s: float, end_s: float) -> PlannedFault:
    """Set when a fault is on; the fault phase is ``[start_s, end_s)`` of the load's clock."""
    begins_s = start_s + timing.at_s
    lasts_s = timing.for_s if timing.for_s is not None else fault.lasts_s
    return replace(
        fault,
        start_s=begins_s,
        end_s=end_s if lasts_s is None else begins_s + lasts_s,
        ramp_s=timing.ramp_s or 0.0,
        pulse_s=None if timing.pulse is None else (timing.pulse.full_s, timing.pulse.rest_s),
    )


def intensity(fault: PlannedFault, t_s: float) -> float:
    """Return the share of the dose at a time of the load's clock at which the fault is on."""
    since_s = t_s - fault.start_s
    if fault.pulse_s is not None:
        full_s, rest_s = fault.pulse_s
        return 1.0 if since_s % (full_s + rest_s) < full_s else 0.0
    return min(1.0, max(0.0, since_s / fault.ramp_s)) if fault.ramp_s else 1.0


def next_change_s(fault: PlannedFault, t_s: float) -> float:
    """Return when a fault that is on next begins to be, or ends being, at full dose: infinity when never again."""
    since_s = t_s - fault.start_s
    if fault.pulse_s is not None:
        full_s, rest_s = fault.pulse_s
        begun_s = fault.start_s + since_s // (full_s + rest_s) * (full_s + rest_s)
        return begun_s + full_s if t_s < begun_s + full_s else begun_s + full_s + rest_s
    return fault.start_s + fault.ramp_s if since_s < fault.ramp_s else math.inf


def scaled(fault: PlannedFault, share: float) -> PlannedFault:
    """Return the same fault with the parameters that it scales multiplied by a share of 0..1."""
    doses = {name: share * float(cast("float", fault.parameters[name])) for name in fault.scales}
    return replace(fault, parameters={**fault.parameters, **doses})


def compared(times_s: Iterable[tuple[float, float]], guard_s: float) -> tuple[float, float]:
    """
    Return which interval of lasting faults is compared, guards included, from when each begins and ends.

    That is while all of them are on; where that is never, or not longer than its guards, from the first one's begin to the last one's end.
    """
    begins_s, ends_s = zip(*times_s, strict=True)
    if min(ends_s) - max(begins_s) > 2 * guard_s:
        return max(begins_s), min(ends_s)
    return min(begins_s), max(ends_s)


def fault_window(
    faults: Sequence[PlannedFault], phase: tuple[float, float], guard_s: float
) -> tuple[float, float, float]:
    """
    Return begin and end of what the fault phase's comparisons take, and the guards (both together) that are cut from it.

    Faults whose times do not fit the phase say nothing about it.
    """
    on = [fault for fault in faults if fault.shape != "none" and phase[0] <= fault.start_s < fault.end_s <= phase[1]]
    if any(fault.shape == "impulse" for fault in on):
        return min(fault.start_s for fault in on), phase[1], 0.0
    if not on:
        return *phase, 0.0
    begin_s, end_s = compared([(fault.start_s, fault.end_s) for fault in on], guard_s)
    return begin_s + guard_s, end_s - guard_s, 2 * guard_s


def when(fault: PlannedFault, phase_start_s: float) -> str:
    """Say when a fault is on, counted from the start of the fault phase, and how its dose goes."""
    begins_s = fault.start_s - phase_start_s
    how = course(fault)
    times = (
        f"from {begins_s:g} s to {fault.end_s - phase_start_s:g} s" if fault.shape == "step" else f"at {begins_s:g} s"
    )
    return f"{times} of the fault phase" + (f", {how}" if how else "")


def course(fault: PlannedFault) -> str:
    """Say how the dose goes: empty when it is simply on."""
    if fault.pulse_s is not None:
        return f"in pulses of {fault.pulse_s[0]:g} s with {fault.pulse_s[1]:g} s of rest"
    return f"rising to its full dose over {fault.ramp_s:g} s" if fault.ramp_s else ""
