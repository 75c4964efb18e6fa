"""When the holder of a lease counts as dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

from gameday.agent.lifeline import boot_id, created_s
from gameday.targets.kubernetes.keeper import new_run
from gameday.targets.kubernetes.lease import DURATION_S, Held

OURS = f"{socket.gethostname()} {boot_id()} {os.getpid()} {created_s(os.getpid())}"
HELD = Held("a-run", "1", "alice on a-machine", OURS, "2026-01-01T00:00:00+00:00", 1.0, DURATION_S)


def test_a_holder_that_runs_on_this_machine_lives() -> None:
    """However long it was silent: it may have been stopped."""
    assert not replace(HELD, silent_s=1e6).is_dead


def test_a_holder_of_this_machine_that_has_ended_is_dead_at_once() -> None:
    """Nobody has to wait for the end of its lease."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f"{socket.gethostname()} {boot_id()} {process.pid} {created_s(process.pid)}"
        assert not replace(HELD, process=name).is_dead
        process.kill()
    assert replace(HELD, process=name).is_dead


def test_a_process_of_another_boot_is_dead() -> None:
    """Its id may be anybody's by now."""
    boot_less = OURS.replace(boot_id(), "another-boot")
    assert replace(HELD, process=boot_less).is_dead


def test_of_another_machine_nothing_is_known() -> None:
    """Nor of a holder that says nothing of itself, or something else."""
    for process in ("another-machine boot 1 1.0", "", socket.gethostname(), f"{socket.gethostname()} something"):
        assert not replace(HELD, process=process).is_dead


def test_silence_longer_than_its_duration_makes_it_seem_over() -> None:
    """Only seem: the clocks of two machines differ."""
    assert not replace(HELD, silent_s=DURATION_S - 1.0).seems_over
    assert replace(HELD, silent_s=DURATION_S + 1.0).seems_over


def test_the_name_of_a_run_can_be_the_value_of_a_label() -> None:
    """At most 63 characters, and no two alike."""
    first, second = new_run(), new_run()
    assert first != second
    assert len(first) <= 63
    assert first.replace("-", "").isalnum()
