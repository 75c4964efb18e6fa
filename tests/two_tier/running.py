"""One run of gameday on an office, with an observer beside it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from two_tier.observer import LATE_S, Observer, observing, wait_for
from two_tier.office import Office
from two_tier.rows import UNDECIDED, Row, left_over, prepare, programs

TRIES = 4
RUN_S = 150.0
HEAL_S = 60.0
AFTER = 15
"""How many requests of each route the observer sends when the run is over."""


@dataclass(frozen=True)
class Ended:
    """
    What a run came to.

    Attributes:
        code: Its exit code.
        printed: What it printed.
        complaints: What the observer has against it.
        broken: The gates that did not hold, by the run's own report; none where it made no report.
    """

    code: int
    printed: str
    complaints: tuple[str, ...]
    broken: frozenset[str]


def carry_out(office: Office, row: Row, folder: Path) -> Ended:
    """Run a row's experiment; again where it stays undecided for another reason, as on a busy machine."""
    for _ in range(TRIES):
        ended = carry_out_once(office, row, folder)
        if ended.code != UNDECIDED or (UNDECIDED in row.codes and row.right(ended.broken, ended.printed)):
            break
    return ended


def carry_out_once(office: Office, row: Row, folder: Path) -> Ended:
    """Run a row's experiment as a user does, look at it from outside until it is over, and leave the office whole."""
    experiment = office.write(folder, row.fault, row.told)
    before = prepare(office)
    with ExitStack() as stack:
        stack.enter_context(patched(office, row))
        seen = stack.enter_context(observing(office, row.told.get("entrance", "desk"), programs(office, row.looks)))
        seen.before = before
        seen.began_s = time.monotonic()
        stack.enter_context(interfered(seen, row))
        code, printed = call_gameday(office, folder, "run", str(experiment), "--target", "kind")
        seen.ended_s = time.monotonic()
        complaints = left_over(seen, row.fault)
        office.wait()
        wait_for(seen, AFTER)
        complaints += [told for claim in row.claims if (told := claim(seen))]
        complaints += not_healed(seen)
    return Ended(code, printed, tuple(complaints), broken_gates(folder))


def call_gameday(office: Office, folder: Path, *words: str) -> tuple[int, str]:
    """Run gameday as a user does, with a Ctrl-C when it takes too long; return its exit code and what it printed."""
    command = (sys.executable, "-m", "gameday.cli", *words, "--out", str(folder / "reports"))
    program = subprocess.Popen(
        command, cwd=folder, env=dict(office.environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        printed, _ = program.communicate(timeout=RUN_S)
    except subprocess.TimeoutExpired:
        program.send_signal(signal.SIGINT)
        printed, _ = program.communicate(timeout=RUN_S)
    return program.returncode, printed


def broken_gates(folder: Path) -> frozenset[str]:
    """Return the gates that did not hold in the newest run of a folder, by its own report."""
    path = folder / "reports" / "latest" / "report.json"
    gates = json.loads(path.read_text(encoding="utf-8"))["gates"] if path.exists() else ()
    return frozenset(gate["id"] for gate in gates if gate["status"] == "fail")


def not_healed(seen: Observer) -> list[str]:
    """Return which routes are not as before when the run is over."""
    told = []
    for route, client in seen.clients.items():
        last = client.sights[-AFTER:]
        limit_s = seen.usual_s(route) + LATE_S
        if sum(each.status != 200 or each.took_s > limit_s for each in last) > 2:
            told.append(f"{route} is not healed: {[(each.status, round(each.took_s, 3)) for each in last]}")
    return told


@contextmanager
def patched(office: Office, row: Row) -> Iterator[None]:
    """Have a row's manifest there."""
    if row.patches is None:
        yield
        return
    office.kubectl("apply", "--filename", "-", given=json.dumps(row.patches))
    try:
        yield
    finally:
        office.kubectl("delete", row.patches["kind"], row.patches["metadata"]["name"])


@contextmanager
def interfered(seen: Observer, row: Row) -> Iterator[None]:
    """Have whoever interferes with a row's run at work."""
    if row.interferes is None:
        yield
        return
    ended = threading.Event()
    worker = threading.Thread(target=row.interferes, args=(seen, ended), daemon=True)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()
