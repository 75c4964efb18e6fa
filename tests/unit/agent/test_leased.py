"""A process that holds a fault does what it was told last, for as long as the lease that came with it."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = "import json; from gameday.agent.leased import renewals; print(json.dumps(list(renewals())))"


def heard(*parts: bytes, stays: bool = False) -> list[list[float]]:
    """Return what a process hears that is told these parts; afterwards the input ends, unless it ``stays``."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for part in parts:
            process.stdin.write(part)
            process.stdin.flush()
        if not stays:
            process.stdin.close()
        found: list[list[float]] = json.loads(process.stdout.read())
        return found


def test_of_several_lines_the_last_counts() -> None:
    """Whoever was held up does not do what is over."""
    assert heard(b"1 2 9\n3 4 9\n") == [[3.0, 4.0, 9.0]]


def test_half_a_line_is_not_done_yet() -> None:
    """Its rest may be another number."""
    assert heard(b"9\n1") == [[9.0]]


def test_it_ends_when_the_lease_runs_out() -> None:
    """Nobody closes the input of a process whose caller hangs."""
    assert heard(b"0.05\n", stays=True) == [[0.05]]
