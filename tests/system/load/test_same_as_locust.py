"""Locustfiles as people write them do here what they do under ``locust --headless``, which is run beside them and asked."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
from pydantic import JsonValue

from gameday.load.wire import LoadDone
from system.load.closed import FILES, closed_plan, run_closed
from system.load.loads import LIMIT_S
from system.load.servers import Reply, Request, Server, answer

pytestmark = pytest.mark.system

WRITTEN = FILES / "written"
DURATION_S = 6
"""Long enough for what each file does, on a machine that is busy besides."""
HANG_S = 3
LOAD: dict[str, JsonValue] = {"users": 4, "spawn-rate": "100/s"}
HEADLESS = f"--headless -u 4 -r 100 -t {DURATION_S}s --stop-timeout {HANG_S}s --csv left"


def shop(request: Request) -> Reply:
    """Answer everything but what is missing with an item that has no price."""
    return answer(404 if request.target == "/missing" else 200, body=b'{"name": "chair"}')


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file did: its exit code, the requests that the server got by path, and exceptions by their text."""

    exit_code: int
    requests: Counter[str]
    exceptions: Counter[str]
    printed: str


def both(
    name: str, folder: Path, arguments: str = "", more: Mapping[str, JsonValue] = MappingProxyType({})
) -> tuple[Seen, Seen, LoadDone]:
    """
    Run a file under Locust's own command line and, at the same time, as gameday's load, each against a server of its own.

    ``arguments`` are further ones of the command line; ``more`` is the same as keys of the load section.
    """
    theirs, ours = folder / "locust", folder / "gameday"
    for each in (theirs, ours):
        each.mkdir()
    with Server(shop) as server, (theirs / "printed").open("w", encoding="utf-8") as printed:
        command = [sys.executable, "-m", "locust", "-f", str(WRITTEN / name), "-H", server.url]
        words = [*HEADLESS.split(), *arguments.split()]
        with subprocess.Popen([*command, *words], stdout=printed, stderr=printed, cwd=theirs) as process:
            mine, done = by_gameday(name, ours, more)
            code = process.wait(LIMIT_S)
    with (theirs / "left_exceptions.csv").open(encoding="utf-8", newline="") as file:
        exceptions = Counter({row["Message"]: int(row["Count"]) for row in csv.DictReader(file)})
    log = (theirs / "printed").read_text(encoding="utf-8")
    return Seen(code, _paths(server), exceptions, log), mine, done


def by_gameday(name: str, folder: Path, more: Mapping[str, JsonValue]) -> tuple[Seen, LoadDone]:
    """Run a file as gameday's load."""
    plan = closed_plan(f"written/{name}", {**LOAD, **more}, duration_s=DURATION_S, hang=f"{HANG_S}s")
    with Server(shop) as server:
        left = run_closed(plan, folder, server.url)
    log = (folder / "logs" / "locust.log").read_text(encoding="utf-8")
    code = re.search(r"Shutting down \(exit code (\d+)\)", log)
    assert code, log
    exceptions = Counter[str]()
    for each in left.done.raised:
        exceptions[re.sub(r"^[\w.]+: | \([\w.]+:\d+\)$", "", each.error)] += each.count
    return Seen(int(code[1]), _paths(server), exceptions, log), left.done


def _paths(server: Server) -> Counter[str]:
    return Counter(request.target for request in server.requests)


class End(NamedTuple):
    """How a file ends: its exit code, the places that raise, the classes that send nothing, whether the number of its requests is fixed."""

    file: str
    code: int
    raised: frozenset[tuple[str, str, int]] = frozenset()
    silent: frozenset[str] = frozenset()
    fixed: bool = True


ENDS = (
    End("host_option.py", 0, fixed=False),
    End("on_start.py", 1, frozenset({("Buyer", "Buyer.on_start", 2)}), silent=frozenset({"Buyer"}), fixed=False),
    End("tasks_raise.py", 1, frozenset({("Shopper", "Shopper.read", 12)})),
    End("nested.py", 1, frozenset({("Reader", "Forum.Thread.read", 8)})),
    End("fast.py", 1),
    End("protocol.py", 1),
    End("no_errors.py", 0),
    End("uncaught.py", 1, frozenset({("Customer", "Outer.Inner.break_down", 4)})),
    End("idle.py", 0, silent=frozenset({"Idle"})),
    End("shape_options.py", 0),
    # what Locust itself only prints, and does not count
    End("on_stop.py", 0, frozenset({("Customer", "Basket.on_stop", 4), ("Customer", "Customer.on_stop", 4)})),
    End("greenlets.py", 0, frozenset({("Page", "Page.part", 4)})),
    End("constructor.py", 2, frozenset({("", "Member.__init__", 1)}), silent=frozenset({"Member"})),
    End("shape_raises.py", 2, frozenset({("", "Stages.tick", 1)}), fixed=False),
    End("listeners.py", 2, frozenset({("", "request listener book", 4), ("", "test_stop listener summarize", 1)})),
)


@pytest.mark.parametrize("end", ENDS, ids=[end.file for end in ENDS])
def test_a_file_ends_as_under_locust(tmp_path: Path, end: End) -> None:
    """The same exit code, the same requests at the server, and all exceptions that Locust counts; with those that it only prints."""
    theirs, ours, done = both(end.file, tmp_path)
    assert theirs.exit_code == ours.exit_code == end.code, theirs.printed + ours.printed
    assert set(ours.requests) == set(theirs.requests)
    if end.fixed:
        assert ours.requests == theirs.requests
    if end.file != "uncaught.py":  # there Locust counts an exception once for each task set that it leaves
        assert theirs.exceptions <= ours.exceptions
    assert {(each.user, each.task, each.count) for each in done.raised} == end.raised
    assert all(f"{end.file}:" in each.error and f'{end.file}", line' in each.traceback for each in done.raised)
    assert {kind.name for kind in done.user_classes if not kind.requests} == end.silent
    assert sum(kind.requests for kind in done.user_classes) == sum(ours.requests.values())
    assert done.exit_code is None


@pytest.mark.parametrize(("most", "code"), [("0.01", 3), ("0.9", 0)])
def test_the_exit_code_that_a_file_sets_is_the_load_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, code: int
) -> None:
    """Also a 0, although a task raised and requests failed."""
    monkeypatch.setenv("LOCUST_MOST_FAILURES", most)
    theirs, ours, done = both("exit_code.py", tmp_path)
    assert theirs.exit_code == ours.exit_code == done.exit_code == code
    assert theirs.exceptions <= ours.exceptions == Counter({"fell": 1})


def test_tags_and_sequences_send_the_same_requests(tmp_path: Path) -> None:
    """Task sets in sequence, functions as tasks, and what the tags leave."""
    more: dict[str, JsonValue] = {"tags": ["buy"], "exclude-tags": ["slow"]}
    theirs, ours, done = both("sequence.py", tmp_path, "--tags buy --exclude-tags slow", more)
    assert theirs.exit_code == ours.exit_code == 0
    assert ours.requests == theirs.requests == Counter({"/basket?id=1": 4, "/pay": 8})
    assert not done.raised


def test_a_file_is_told_the_same_about_how_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option of Locust's parser, those that the file adds, and what the environment says of them."""
    monkeypatch.setenv("LOCUST_BASKET", "5")
    monkeypatch.setenv("OPTIONS_TOLD", "told.json")
    more: dict[str, JsonValue] = {"tags": ["a", "b"], "exclude-tags": ["c"]}
    monkeypatch.chdir(tmp_path)  # the file writes into the working folder, under gameday that of the test
    (ours := tmp_path / "gameday").mkdir()
    with monkeypatch.context() as patched:
        patched.chdir(ours)
        patched.setenv("LOCUST_PROCESSES", "4")  # what a shell says of Locust is no part of the experiment
        patched.setenv("LOCUST_RUN_TIME", "9h")
        by_gameday("options.py", ours, more)
    ours.rename(tmp_path / "ours")
    both("options.py", tmp_path, "--tags a b --exclude-tags c", more)
    told = {
        whose: json.loads((tmp_path / folder / "told.json").read_text(encoding="utf-8"))
        for whose, folder in (("theirs", "locust"), ("ours", "ours"))
    }
    for one in told.values():
        host = one["options"].pop("host")
        assert host == one["environment"].pop("host")
        assert host.startswith("http://127.0.0.1:")
    prefix = told["theirs"]["options"].pop("csv_prefix")
    assert prefix
    assert told["ours"]["options"].pop("csv_prefix") is None
    assert told["ours"] == told["theirs"]
    assert told["ours"]["options"]["run_time"] == DURATION_S
    assert told["ours"]["options"]["basket"] == 5
