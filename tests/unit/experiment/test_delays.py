"""A delay that cannot be proven within the fault phase is refused, with the delay and the phase that work."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.experiment.loading.problems import Problem
from unit.experiment import small_files
from unit.experiment.small_files import SYSTEM


def problems(
    folder: Path, latency: str, fault: str = "20s", system: str = SYSTEM, timing: str = ""
) -> tuple[Problem, ...]:
    """Load the small experiment with this latency, its times and this fault phase, and return what is wrong with it."""
    delayed = ("edge: web -> stock, delay: 2s}", f"{latency}}}{timing}")
    return small_files.problems(folder, delayed, ("fault: 20s", f"fault: {fault}"), system=system)


@pytest.mark.parametrize(
    ("latency", "valid"),
    [
        ("edge: web -> stock, delay: 19s", "at most 18s, or phases.fault of at least 21s"),
        ("edge: web -> stock, delay: 18s, jitter: 100ms", "at most 17.9s, or phases.fault of at least 20.1s"),
        ("edge: web -> stock, delay: 30s, jitter: 12s", "phases.fault of at least 44s"),
    ],
)
def test_what_works_is_named(tmp_path: Path, latency: str, valid: str) -> None:
    """The longest delay of this phase, where there is one with this jitter, and the shortest phase of this delay."""
    assert [problem.valid for problem in problems(tmp_path, latency)] == [valid]


@pytest.mark.parametrize(
    ("latency", "fault"),
    [
        ("edge: web -> stock, delay: 18s", "20s"),
        ("edge: web -> stock, delay: 17.9s, jitter: 100ms", "20s"),
        ("edge: web -> stock, delay: 19s", "21s"),
        ("edge: web -> stock, delay: 30s, jitter: 12s", "44s"),
    ],
)
def test_what_was_named_is_accepted(tmp_path: Path, latency: str, fault: str) -> None:
    """The advice is right to the last digit."""
    assert problems(tmp_path, latency, fault) == ()


def test_edges_that_are_proven_one_after_the_other_take_longer(tmp_path: Path) -> None:
    """Each edge has its own canary."""
    twice = SYSTEM.replace("  - web -> stock\n", "  - web -> stock\n  - pulse -> stock\n")
    assert problems(tmp_path, "service: stock, delay: 9s", system=twice) == ()
    found = problems(tmp_path, "service: stock, delay: 10s", system=twice)
    assert [problem.valid for problem in found] == ["at most 9s, or phases.fault of at least 22s"]


@pytest.mark.parametrize(
    ("timing", "delay", "most"),
    [
        ("\n    at: 12s", "7s", "6s, or a full dose of at least 9s"),
        ("\n    for: 12s", "11s", "10s, or a full dose of at least 13s"),
        ("\n    at: 2s\n    ramp: 8s", "9s", "8s, or a full dose of at least 11s"),
        ("\n    pulse: {full: 3s, rest: 2s}", "3s", "2.5s, or a full dose of at least 3.5s"),
    ],
)
def test_a_delay_needs_its_time_at_the_full_dose(tmp_path: Path, timing: str, delay: str, most: str) -> None:
    """What the entry's times leave of the phase decides, and a pulse by itself."""
    found = problems(tmp_path, f"edge: web -> stock, delay: {delay}", timing=timing)
    assert [problem.valid for problem in found if problem.key_path.endswith(".delay")] == [f"at most {most}"]
    found = problems(tmp_path, f"edge: web -> stock, delay: {most.partition(',')[0]}", timing=timing)
    assert [problem for problem in found if problem.key_path.endswith(".delay")] == []


def test_a_phase_that_cannot_be_read_says_nothing_of_the_delay(tmp_path: Path) -> None:
    """One mistake is told once."""
    assert [each.key_path for each in problems(tmp_path, "edge: web -> stock, delay: 30s", "2")] == ["phases.fault"]
