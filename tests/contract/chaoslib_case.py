"""Run one experiment with chaoslib alone, send this process a signal when it is asked for, and print the journal as JSON."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from chaoslib import PayloadEncoder
from chaoslib.exceptions import InterruptExecution
from chaoslib.experiment import ensure_experiment_is_valid, run_experiment
from chaoslib.types import Schedule, Strategy

BROKEN, LOST, BEGUN, GONE = Path("broken"), Path("lost"), Path("begun"), Path("gone")


def one() -> int | None:
    """Answer 1, 2 while it is broken, and nothing while it is lost."""
    if LOST.exists():
        return None
    return 2 if BROKEN.exists() else 1


def two() -> int:
    """Answer 2."""
    return 2


def nothing() -> None:
    """Do nothing, and answer so."""


def fail() -> None:
    """Raise."""
    raise RuntimeError("on purpose")


def break_it() -> None:
    """Make ``one`` answer 2."""
    BROKEN.touch()


def break_for_a_while() -> None:
    """Let ``one`` answer 2 for long enough to be seen by a look at ten a second."""
    break_it()
    wait()
    mend()


def remove_it() -> None:
    """Take away a program that was there when the experiment was validated."""
    GONE.unlink()


def lose_it() -> None:
    """Make ``one`` answer nothing."""
    LOST.touch()


def mend() -> None:
    """Make ``one`` answer 1 again."""
    BROKEN.unlink(missing_ok=True)
    LOST.unlink(missing_ok=True)


def wait() -> None:
    """Give the continuous hypothesis time for a look or two, at ten a second."""
    time.sleep(0.6)


def hang() -> None:
    """Say that it has begun, and take long."""
    BEGUN.touch()
    time.sleep(20)


def leave() -> None:
    """End the interpreter from inside."""
    raise SystemExit(3)


def interrupt() -> None:
    """Ask Chaos Toolkit to end the experiment."""
    raise InterruptExecution("enough")


def roll_back() -> None:
    """Leave a trace."""
    Path("rolled-back").touch()


def _signal(name: str, method: object) -> None:
    """Wait until the method's activity runs, and send the signal."""
    begun = _sleeps if "sleep" in json.dumps(method) else BEGUN.exists
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s and not begun():
        time.sleep(0.02)
    os.kill(os.getpid(), getattr(signal, name))


def _sleeps() -> bool:
    """Tell whether a child of the main thread is ``sleep`` and waits: and its parent does too."""
    task = Path(f"/proc/{os.getpid()}/task/{threading.main_thread().native_id}")
    children = (task / "children").read_text().split()
    names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in children]
    return "sleep" in names and (task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def main() -> None:
    """Carry out the order in the first argument."""
    order = json.loads(sys.argv[1])
    logging.disable(logging.CRITICAL)
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell that runs the tests in its background has it ignored
    GONE.write_text("#!/bin/sh\n")
    GONE.chmod(0o755)
    experiment = {key: value for key, value in order["experiment"].items() if value is not None}
    ensure_experiment_is_valid(experiment)
    if order["signal"]:
        threading.Thread(target=_signal, args=(order["signal"], experiment["method"]), daemon=True).start()
    journal = run_experiment(
        experiment,
        settings={"runtime": {"rollbacks": {"strategy": order["rollbacks"]}}},
        strategy=Strategy.from_string(order["strategy"]),
        schedule=Schedule(continuous_hypothesis_frequency=0.1, fail_fast=order["fail_fast"]),
    )
    print(json.dumps(journal, cls=PayloadEncoder))


if __name__ == "__main__":
    sys.modules["chaoslib_case"] = sys.modules["__main__"]
    main()
