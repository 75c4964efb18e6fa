"""Phases are long enough, and bounded; times fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.checks.subject import Complaint, Ground, Subject, in_experiment, in_system
from gameday.experiment.course import fault_window
from gameday.experiment.flaws import Flaw
from gameday.experiment.samples import BIN_S, LEAST_S
from gameday.experiment.writing import seconds

MOST_S = 3600.0
"""The longest a run's load may last."""
MOST_REQUESTS = 2_000_000
"""The most requests a run may schedule: every arrival is drawn before the run, and every row is kept."""


def check(subject: Subject) -> Iterator[Complaint]:
    """Check the lengths of phases, windows, deadlines and the size of the load."""
    yield from _lengths(subject)
    yield from _windows(subject)
    yield from _amount(subject)
    yield from _deadlines(subject)
    yield from _recovery(subject)


def _lengths(subject: Subject) -> Iterator[Complaint]:
    phases = subject.experiment.phases
    for name, length_s in (
        ("warmup", phases.warmup_s),
        ("baseline", phases.baseline_s),
        ("fault", phases.fault_s),
        ("recovery", phases.recovery_s),
    ):
        if not 0 < length_s <= MOST_S:
            flaw = Flaw(
                ("phases", name), f"{name} is out of range", seconds(length_s), f"above 0s, at most {seconds(MOST_S)}"
            )
            yield Complaint("experiment", flaw)
    if any(fault.shape == "step" for fault in subject.faults) and 0 < phases.fault_s <= 2 * phases.guard_s:
        message = "the guards at both ends leave nothing of the fault phase to judge"
        flaw = Flaw(("phases", "guard"), message, seconds(phases.guard_s), f"below {seconds(phases.fault_s / 2)}")
        yield Complaint("experiment", flaw, (in_experiment("phases", "fault"),))


def _windows(subject: Subject) -> Iterator[Complaint]:
    """Latencies of a lasting fault are compared over whole seconds of the baseline and of the fault without its guards."""
    phases, expect = subject.experiment.phases, subject.experiment.expect
    probes = subject.experiment.steady_state_hypothesis.probes
    if expect.bulkhead is None and not any(probe.p50 or probe.p95 for probe in probes):
        return
    start_s = phases.warmup_s + phases.baseline_s
    begin_s, end_s, guards_s = fault_window(subject.faults, (start_s, start_s + phases.fault_s), phases.guard_s)
    unused_s = phases.fault_s - (end_s - begin_s) - guards_s  # before the first fault and after the last
    if 0 < phases.baseline_s < LEAST_S:
        valid = f"at least {seconds(LEAST_S)}"
        flaw = Flaw(
            ("phases", "baseline"),
            "the baseline is too short to compare latencies with",
            seconds(phases.baseline_s),
            valid,
        )
        yield Complaint("experiment", flaw, _rests("baseline"))
    if phases.fault_s > 0 and end_s - begin_s < LEAST_S:
        guards = f", and {seconds(phases.guard_s)} of guard at both ends" if guards_s else ""
        guards += f", and {seconds(unused_s)} in which the faults are not on together" if unused_s > 0 else ""
        valid = f"at least {seconds(LEAST_S + guards_s + unused_s)} ({seconds(LEAST_S)}{guards})"
        flaw = Flaw(
            ("phases", "fault"), "the fault is too short to compare latencies in", seconds(phases.fault_s), valid
        )
        yield Complaint("experiment", flaw, (*_rests("fault", "guard"), in_experiment("method")))


def _rests(*names: str) -> tuple[Ground, ...]:
    return tuple(in_experiment("phases", name) for name in names)


def _amount(subject: Subject) -> Iterator[Complaint]:
    total_s = subject.experiment.phases.total_s
    rates = subject.experiment.load.routes
    scheduled = sum(rates.values()) * total_s
    if scheduled > MOST_REQUESTS and not any(_lengths(subject)):
        seen = f"{scheduled:.3g} requests in {total_s:g}s"
        flaw = Flaw(("load", "routes"), "the load is too large", seen, f"at most {MOST_REQUESTS} requests", of_key=True)
        yield Complaint("experiment", flaw, (in_experiment("phases"),))


def _deadlines(subject: Subject) -> Iterator[Complaint]:
    """A request hangs after its deadline, and soon enough to be seen: what lets it go at the fault's end has kept it no longer."""
    hang_s, fault_s = subject.experiment.load.hang_s, subject.experiment.phases.fault_s
    if hang_s >= fault_s > 0:
        message = f"the fault ends after {seconds(fault_s)}, so no request would be held long enough to hang"
        flaw = Flaw(("load", "hang"), message, seconds(hang_s), f"below {seconds(fault_s)}", "or a longer phases.fault")
        yield Complaint("experiment", flaw, _rests("fault"))
    loaded = [name for name in subject.loaded if name in subject.system.routes]
    longest = max(loaded, key=lambda name: subject.system.routes[name].deadline_s, default=None)
    if longest is None or (deadline_s := subject.system.routes[longest].deadline_s) < hang_s:
        return
    message = f"a request hangs only after its deadline, and that of {longest} is {seconds(deadline_s)}"
    flaw = Flaw(("load", "hang"), message, seconds(hang_s), f"above {seconds(deadline_s)}")
    yield Complaint("experiment", flaw, (in_system("routes", longest, "deadline"),))


def _recovery(subject: Subject) -> Iterator[Complaint]:
    recovery, phases = subject.experiment.expect.recovery, subject.experiment.phases
    if recovery is not None and not 0 < recovery.within_s <= phases.recovery_s - BIN_S:
        message = f"the recovery lasts {seconds(phases.recovery_s)} and is seen in steps of {seconds(BIN_S)}"
        valid = f"above 0s, at most {seconds(max(0.0, phases.recovery_s - BIN_S))}"
        flaw = Flaw(
            ("expect", "recovery", "within"), message, seconds(recovery.within_s), valid, "or a longer phases.recovery"
        )
        yield Complaint("experiment", flaw, _rests("recovery"))
