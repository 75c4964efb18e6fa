"""An activity of Chaos Toolkit keeps to what every fault keeps to, as far as its author lets it; real processes, real files."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from pydantic import JsonValue, ValidationError

from fakes import FakeTarget
from gameday.agent.waiting import readable
from gameday.experiment.catalogue import PlannedFault
from gameday.faults import catalogue
from gameday.faults.activity import Activity
from gameday.targets.protocol import TargetError
from samples import planned

ACTIVITY = catalogue()["activity"]
TARGET = FakeTarget()
LIMIT_S = 20.0
"""A bound against hangs."""


def shell(script: str) -> dict[str, JsonValue]:
    """Return a provider that runs a script of one line."""
    return {"type": "process", "path": "sh", "arguments": ["-c", script], "timeout": 20}


@contextmanager
def pipe(path: Path) -> Iterator[int]:
    """Make a pipe into which an action can say that it has begun."""
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield reading
    finally:
        os.close(reading)


def heard(reading: int) -> bool:
    """Wait until something was said into a pipe."""
    return readable(reading, LIMIT_S)


def plan(mark: Path, **changed: JsonValue) -> PlannedFault:
    """Plan an action that makes a file, is proven by its being there, and undone by its removal."""
    parameters: dict[str, JsonValue] = {
        "name": "make it",
        "provider": shell(f"touch {mark}"),
        "proof": {"tolerance": 0, "provider": shell(f"test -e {mark}")},
        "rollbacks": [{"name": "remove it", "provider": shell(f"rm -f {mark}")}],
    }
    return planned("activity", {**parameters, **changed}).faults[0]


def test_it_is_prepared_injected_proven_and_undone(tmp_path: Path) -> None:
    """The undo data is plain JSON, and twice is once where the rollbacks are."""
    mark = tmp_path / "mark"
    fault = plan(mark)
    undo = dict(ACTIVITY.prepare(fault, TARGET))
    assert json.loads(json.dumps(undo)) == undo
    assert not mark.exists()
    injected = ACTIVITY.inject(fault, TARGET, {})
    assert ACTIVITY.prove(fault, TARGET, injected).bites
    assert ACTIVITY.prove(fault, TARGET, injected).bites, "the proof may be asked again"
    assert mark.exists()
    for _ in range(2):
        ACTIVITY.undo(undo, TARGET)
        assert not mark.exists()
        assert ACTIVITY.healed(undo, TARGET)


UNPLAYABLE: dict[str, tuple[JsonValue, str]] = {
    "a name that is no text": ({"name": False, "provider": {"type": "process", "path": "true"}}, "name"),
    "a type that is none": ({"type": "bogus", "provider": {"type": "process", "path": "true"}}, "type"),
    "a provider that is none": ({"provider": {"type": "bogus"}}, "type"),
    "a provider without a type": ({"provider": {}}, "type"),
    "an empty name": ({"name": "", "provider": {"type": "process", "path": "true"}}, "name"),
}
REFUSED: dict[str, JsonValue] = {
    "a program that is not there": {"type": "process", "path": "no-such-program"},
    "a process without a path": {"type": "process"},
    "a module that is not there": {"type": "python", "module": "no_such_module", "func": "f"},
    "a function that is not there": {"type": "python", "module": "json", "func": "no_such_function"},
    "an address that is none": {"type": "http", "url": ""},
}


@pytest.mark.parametrize("kind", UNPLAYABLE)
def test_a_rollback_of_the_wrong_shape_is_no_parameter(kind: str) -> None:
    """Before this it was found when it was to be played, behind the injection."""
    rollback, key = UNPLAYABLE[kind]
    with pytest.raises(ValidationError) as raised:
        ACTIVITY.parameters.model_validate({"name": "x", "provider": shell("true"), "rollbacks": (rollback,)})
    assert key in {str(part) for error in raised.value.errors() for part in error["loc"]}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_rollback_that_cannot_be_played_is_refused_before_anything_starts(kind: str) -> None:
    """By validate, plan and run, which check the parameters; not at the injection, which must be on time."""
    broken: JsonValue = [{"name": "mends", "provider": REFUSED[kind]}]
    asked = ACTIVITY.parameters.model_validate({"name": "x", "provider": shell("true"), "rollbacks": broken})
    assert [(each.key, each.seen) for each in ACTIVITY.check(asked, planned().system)] == [("rollbacks", "mends")]


def test_an_action_without_its_effect_is_not_proven(tmp_path: Path) -> None:
    """It succeeded, and did nothing."""
    fault = plan(tmp_path / "mark", provider=shell("true"))
    assert not ACTIVITY.prove(fault, TARGET, ACTIVITY.inject(fault, TARGET, {})).bites


def test_without_a_proof_nothing_is_proven(tmp_path: Path) -> None:
    """It says why."""
    fault = plan(tmp_path / "mark", proof=None)
    proof = ACTIVITY.prove(fault, TARGET, ACTIVITY.inject(fault, TARGET, {}))
    assert not proof.bites
    assert "no proof: probe" in proof.text


def test_an_action_that_fails_says_why(tmp_path: Path) -> None:
    """Chaos Toolkit's own words."""
    fault = plan(
        tmp_path / "mark", provider={"type": "python", "module": "json", "func": "loads", "arguments": {"s": "{"}}
    )
    proof = ACTIVITY.prove(fault, TARGET, ACTIVITY.inject(fault, TARGET, {}))
    assert not proof.bites
    assert "JSONDecodeError" in proof.text


@pytest.mark.parametrize("hanging", ["provider", "rollbacks"])
def test_what_hangs_is_ended(tmp_path: Path, hanging: str) -> None:
    """An activity's timeout is obeyed."""
    changed: dict[str, JsonValue] = {
        hanging: shell("sleep 60") if hanging == "provider" else [{"provider": shell("sleep 60")}]
    }
    fault = plan(tmp_path / "mark", timeout=1.0, **changed)
    undo = ACTIVITY.prepare(fault, TARGET)
    before = psutil.Process().children()
    injected = ACTIVITY.inject(fault, TARGET, {})
    with pytest.raises(TargetError, match="did not end within 1 s"):
        _ = ACTIVITY.prove(fault, TARGET, injected) if hanging == "provider" else ACTIVITY.undo(undo, TARGET)  # type: ignore[func-returns-value]
    assert psutil.Process().children() == before


def test_an_action_that_still_runs_is_ended_before_its_rollbacks_are_played(tmp_path: Path) -> None:
    """They have the last word, and no process is left: neither one that runs nor one that nobody has waited for."""
    mark, before = tmp_path / "mark", psutil.Process().children()
    fault = plan(mark, provider=shell(f"echo > {tmp_path / 'begun'}; sleep 60; touch {mark}"))
    undo = ACTIVITY.prepare(fault, TARGET)
    with pipe(tmp_path / "begun") as begun:
        ACTIVITY.inject(fault, TARGET, {})
        assert heard(begun)
    doers = [each for each in psutil.Process().children(recursive=True) if each not in before]
    ACTIVITY.undo(undo, TARGET)
    assert len(doers) > 1
    assert psutil.wait_procs(doers, timeout=LIMIT_S)[1] == []
    assert psutil.Process().children() == before
    assert not mark.exists()


def test_an_action_is_ended_under_whoever_waits_for_its_proof(tmp_path: Path) -> None:
    """The proof is looked for in another thread, which hears of the end."""
    activity, before = Activity(), psutil.Process().children()
    fault = plan(tmp_path / "mark", provider=shell("sleep 60"))
    undo = activity.prepare(fault, TARGET)
    injected = activity.inject(fault, TARGET, undo)
    (running,) = activity._begun.values()
    said: list[str] = []

    def prove() -> None:
        try:
            activity.prove(fault, TARGET, injected)
        except TargetError as error:
            said.append(str(error))

    looking = threading.Thread(target=prove)
    looking.start()
    until_s = time.monotonic() + LIMIT_S
    while not running.waiting.locked() and time.monotonic() < until_s:
        looking.join(0.01)
    activity.undo(undo, TARGET)
    looking.join(LIMIT_S)
    assert said == ["make it ended its process (-9)"]
    assert psutil.Process().children() == before


def test_only_its_own_action_is_ended(tmp_path: Path) -> None:
    """Another one, with other rollbacks, goes on to its proof."""
    mark = tmp_path / "mark"
    mine, other = plan(mark), plan(tmp_path / "other", name="the other")
    injected = ACTIVITY.inject(mine, TARGET, {})
    ACTIVITY.undo(ACTIVITY.prepare(other, TARGET), TARGET)
    assert ACTIVITY.prove(mine, TARGET, injected).bites


def test_a_rollback_that_fails_leaves_it_outstanding(tmp_path: Path) -> None:
    """Whoever undoes hears of it."""
    wrong: JsonValue = [{"provider": {"type": "python", "module": "json", "func": "loads", "arguments": {"s": "{"}}}]
    fault = plan(tmp_path / "mark", rollbacks=wrong)
    with pytest.raises(TargetError, match="a rollback of make it failed"):
        ACTIVITY.undo(ACTIVITY.prepare(fault, TARGET), TARGET)


def test_secrets_come_from_the_environment_and_do_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in no parameter, and hidden in what the activity says."""
    monkeypatch.setitem(os.environ, "MAKERS_TOKEN", "open-sesame")
    mark = tmp_path / "mark"
    secrets: JsonValue = {"maker": {"token": {"type": "env", "key": "MAKERS_TOKEN"}}}
    proof: JsonValue = {"tolerance": 0, "provider": shell(f"cat {mark}")}
    fault = plan(mark, provider=shell(f"echo $MAKERS_TOKEN > {mark}"), secrets=secrets, proof=proof)
    assert "open-sesame" not in json.dumps(fault.parameters)
    found = ACTIVITY.prove(fault, TARGET, ACTIVITY.inject(fault, TARGET, {}))
    assert mark.read_text(encoding="utf-8").strip() == "open-sesame"
    assert found.bites
    assert "open-sesame" not in found.text


BEGINNING = """
import json, sys, time
from gameday.faults import catalogue
from samples import planned
activity = catalogue()["activity"]
activity.inject(planned("activity", json.loads(sys.argv[1])).faults[0], None, {})
time.sleep(60)
"""


def test_an_action_ends_with_whoever_began_it_and_so_does_all_that_it_has_started(tmp_path: Path) -> None:
    """Else its effect would come after the rollbacks that the next process plays."""
    script = f"echo > {tmp_path / 'begun'}; sleep 60; touch {tmp_path / 'mark'}"
    with pipe(tmp_path / "begun") as begun:
        worker = psutil.Popen(
            [sys.executable, "-c", BEGINNING, json.dumps({"name": "make it", "provider": shell(script)})],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            assert heard(begun)
            doers = worker.children(recursive=True)
        finally:
            worker.kill()
            worker.wait(LIMIT_S)
    assert len(doers) > 1
    assert psutil.wait_procs(doers, timeout=LIMIT_S)[1] == []
