"""Run folders as an attacker would make them, one function each; every one gets the stage on which it may try to do harm."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from gameday.agent.lifeline import boot_id, created_s
from gameday.experiment.foreign import ForeignPlan, Step
from gameday.experiment.loading.foreign import read_foreign
from gameday.record.folder import About
from gameday.record.foreign import PLAN, text_signature
from gameday.record.history import Event, History
from samples import planned

DEEP = "[" * 200_000
Data = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Stage:
    """
    What a hostile folder has around it.

    Attributes:
        out: The folder of runs.
        folder: The hostile one.
        canary: A file that only executed data makes.
        victim: A file outside that nobody may change, in a folder that nobody may empty.
        stranger: A process that no run has started.
    """

    out: Path
    folder: Path
    canary: Path
    victim: Path
    stranger: int

    @property
    def touch(self) -> Data:
        """Return a provider that makes the canary."""
        return {"type": "process", "path": "touch", "arguments": [str(self.canary)]}


def write(stage: Stage, *lines: tuple[str, Data], writer: str = "worker") -> None:
    """Append records as no gameday has written them."""
    path = stage.folder / "history" / f"{writer}.ndjson"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for number, (event, data) in enumerate(lines):
            file.write(json.dumps({"t_s": number + 1.0, "seq": number, "event": event, "data": data}) + "\n")


def run(stage: Stage, *, target: str = "local") -> None:
    """Write what makes a folder a run's."""
    about = About("2026-01-01T00:00:00+00:00", 1.0, boot_id(), {}, "gameday run small")
    (stage.folder / "plan.json").write_text(replace(planned(), target=target).to_json())
    (stage.folder / "run.json").write_text(about.to_json())


def killed(stage: Stage) -> None:
    """Leave a fault outstanding, so that there is something to recover."""
    run(stage)
    write(stage, (Event.FAULT_INTENDED, {"id": "latency-1", "fault": "latency", "undo": {}}))


def undoing(provider: Data, **more: JsonValue) -> Data:
    """Return the data of an activity's ``fault.intended``."""
    undo: Data = {
        "name": "x",
        "rollbacks": [{"name": "mends", "provider": provider}],
        "configuration": {},
        "secrets": {},
        "timeout": 5.0,
        **more,
    }
    return {"id": "activity-1", "fault": "activity", "parameters": {}, "undo": undo}


def executes(provider: Callable[[Stage], Data], **more: JsonValue) -> Callable[[Stage], None]:
    """Leave an activity outstanding whose rollback makes the canary."""

    def make(stage: Stage) -> None:
        run(stage)
        write(stage, (Event.FAULT_INTENDED, undoing(provider(stage), **more)))

    return make


def executes_before_it(stage: Stage) -> None:
    """Let the configuration of a rollback make the canary."""
    probe: Data = {"type": "probe", "name": "p", "provider": stage.touch}
    run(stage)
    write(stage, (Event.FAULT_INTENDED, undoing({}, configuration={"x": probe})))


def signed_elsewhere(stage: Stage) -> None:
    """Copy the history of another run of this user's."""
    run(stage)
    other = stage.out.parent / "other"
    history = History(other, "worker", start_s=1.0)
    history.append(Event.FAULT_INTENDED, undoing(stage.touch))
    history.close()
    shutil.copytree(other / "history", stage.folder / "history")


def signed_otherwise(stage: Stage) -> None:
    """Change a record after it was signed."""
    run(stage)
    history = History(stage.folder, "worker", start_s=1.0)
    history.append(Event.FAULT_INTENDED, undoing({"type": "process", "path": "true"}))
    history.close()
    path = stage.folder / "history" / "worker.ndjson"
    _, line, _ = path.read_text().split("\n")
    value = {key: each for key, each in json.loads(line).items() if key != "crc"}
    path.write_text(json.dumps({**value, "data": undoing(stage.touch)}) + "\n")


def signed_as(signature: JsonValue) -> Callable[[Stage], None]:
    """Give a record a signature of one's own."""

    def make(stage: Stage) -> None:
        run(stage)
        (stage.folder / "history").mkdir()
        record = {"t_s": 1.0, "seq": 0, "event": Event.FAULT_INTENDED, "data": undoing(stage.touch)}
        (stage.folder / "history" / "worker.ndjson").write_text(json.dumps({**record, "signature": signature}) + "\n")

    return make


def in_a_cluster(stage: Stage) -> None:
    """Name a cluster, and what should be done to it."""
    run(stage, target="kind")
    address = json.dumps({"context": "production", "namespace": "kube-system", "run": "x", "services": {}})
    write(
        stage,
        (Event.SYSTEM_JOINED, {"address": address, "pid": 0, "run": "x"}),
        (Event.FAULT_INTENDED, {"id": "scale-1", "fault": "scale", "undo": {"service": "web", "replicas": 0}}),
        (Event.FAULT_INTENDED, undoing(stage.touch)),
    )


def in_a_system_that_is_up(stage: Stage) -> None:
    """Name a system that is up, and an activity in it."""
    run(stage)
    joined: Data = {"address": str(stage.victim), "pid": stage.stranger, "run": ""}
    write(stage, (Event.SYSTEM_JOINED, joined), (Event.FAULT_INTENDED, undoing(stage.touch)))


def foreign_run(stage: Stage, path: str, *, signed: Path | None = None, text: str | None = None) -> None:
    """Leave a plain experiment with a rollback to be played."""
    step = Step("mends", "action", "process: touch")
    plan = ForeignPlan("x", "t", "d", (), None, "default", (), (replace(step, name="breaks"),), (step,))
    if path.endswith(".json") and (sound := read_foreign(Path(path))):
        plan = sound.plan
    about = About("2026-01-01T00:00:00+00:00", 1.0, boot_id(), {}, "gameday run x.json")
    (stage.folder / PLAN).write_text(plan.to_json())
    (stage.folder / "run.json").write_text(about.to_json())
    told: Data = {"experiment": "x", "target": "chaos-toolkit", "path": path}
    if signed is not None:
        history = History(signed, "supervisor", start_s=1.0)
        history.append(Event.RUN_STARTED, {**told, "text": text_signature(signed, text or "")})
        history.close()
        if signed != stage.folder:
            shutil.copytree(signed / "history", stage.folder / "history")
    else:
        write(stage, (Event.RUN_STARTED, told), writer="supervisor")
    begun: Data = {"section": "method", "name": "breaks", "kind": "action", "background": False}
    write(stage, (Event.ACTIVITY_STARTED, begun))


def experiment(stage: Stage) -> tuple[str, str]:
    """Write a plain experiment whose rollback makes the canary; return its path and its text."""
    path = stage.out.parent / "x.json"
    named: Data = {"type": "action", "provider": stage.touch}
    text = json.dumps(
        {
            "title": "t",
            "description": "d",
            "method": [{**named, "name": "breaks"}],
            "rollbacks": [{**named, "name": "mends"}],
        }
    )
    path.write_text(text)
    return str(path), text


def foreign_unsigned(stage: Stage) -> None:
    """Name an experiment on this machine that was never run by this user."""
    foreign_run(stage, experiment(stage)[0])


def foreign_changed(stage: Stage) -> None:
    """Change the experiment after the run."""
    foreign_run(stage, experiment(stage)[0], signed=stage.folder, text="{}")


def foreign_elsewhere(stage: Stage) -> None:
    """Copy the history of another run of the same experiment."""
    path, text = experiment(stage)
    foreign_run(stage, path, signed=stage.out.parent / "other", text=text)


def foreign_path(path: str) -> Callable[[Stage], None]:
    """Name something in place of an experiment."""
    return lambda stage: foreign_run(stage, path)


def kills(pid: JsonValue = None, begun_s: JsonValue = None, *, foreign: bool = False) -> Callable[[Stage], None]:
    """Name a process, by default the stranger, exactly as it is."""

    def make(stage: Stage) -> None:
        killed(stage) if not foreign else foreign_run(stage, "/none")
        known = created_s(stage.stranger) if begun_s is None else begun_s
        named: Data = {"process": "proxy", "pid": stage.stranger if pid is None else pid, "created_s": known}
        write(stage, (Event.PROCESS_STARTED, named), writer="supervisor2")

    return make


def linked(name: str, *, to: str | None = None) -> Callable[[Stage], None]:
    """Put a link to the victim, or anywhere else, in place of a file."""

    def make(stage: Stage) -> None:
        led = to or (stage.victim.parent if name in {"history", "logs"} else stage.victim)
        replaced(name, lambda path: path.symlink_to(led))(stage)

    return make


def replaced(name: str, make_it: Callable[[Path], object]) -> Callable[[Stage], None]:
    """Put something else in place of a file."""

    def make(stage: Stage) -> None:
        killed(stage)
        path = stage.folder / name
        path.parent.mkdir(exist_ok=True)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        make_it(path)

    return make


def deep(path: Path) -> None:
    """Nest lists deeper than any parser goes."""
    path.write_text(DEEP)


def huge(path: Path) -> None:
    """Make a file of a terabyte, without the disk for it."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


def odd(event: str, data: Data, **more: JsonValue) -> Callable[[Stage], None]:
    """Add one record that is not what its readers expect."""

    def make(stage: Stage) -> None:
        killed(stage)
        line = {"t_s": 2.0, "seq": 1, "event": event, "data": data, **more}
        with (stage.folder / "history" / "worker.ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    return make


def planned_with(old: str, new: str) -> Callable[[Stage], None]:
    """Change the text of the plan."""

    def make(stage: Stage) -> None:
        killed(stage)
        path = stage.folder / "plan.json"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return make


def writable(name: str, mode: int = 0o777) -> Callable[[Stage], None]:
    """Let others write to a folder, with a rollback in it."""

    def make(stage: Stage) -> None:
        executes(lambda stage: stage.touch)(stage)
        (stage.folder / name).chmod(mode)

    return make


def anothers(name: str) -> Callable[[Stage], None]:
    """Let a folder belong to somebody else."""

    def make(stage: Stage) -> None:
        executes(lambda stage: stage.touch)(stage)
        os.chown(stage.folder / name, 12345, 12345)

    return make


PYTHON = {"type": "python", "module": "subprocess", "func": "call"}
FOLDERS: dict[str, Callable[[Stage], None]] = {
    "a process as a rollback": executes(lambda stage: stage.touch),
    "Python as a rollback": executes(lambda s: {**PYTHON, "arguments": {"popenargs": ["touch", str(s.canary)]}}),
    "Python's files as a rollback": executes(
        lambda s: {"type": "python", "module": "os", "func": "mkdir", "arguments": {"path": str(s.canary)}}
    ),
    "a probe in a rollback's configuration": executes_before_it,
    "a record that was signed for another run": signed_elsewhere,
    "a record that was changed after it was signed": signed_otherwise,
    "a signature of zeros": signed_as("0" * 64),
    "a signature that is no text": signed_as(["0" * 64]),
    "a signature that is nothing": signed_as(None),
    "a signature with broken characters": signed_as("\ud800" * 64),
    "a cluster of somebody else's": in_a_cluster,
    "a system that is up": in_a_system_that_is_up,
    "a plain experiment that nobody has run": foreign_unsigned,
    "a plain experiment that has changed": foreign_changed,
    "a plain run that was signed elsewhere": foreign_elsewhere,
    "a device in place of the experiment": foreign_path("/dev/zero"),
    "a terminal in place of the experiment": foreign_path("/dev/tty"),
    "a folder in place of the experiment": foreign_path("/"),
    "no path in place of the experiment": foreign_path("\0"),
    "a stranger's process": kills(),
    "a stranger's process in a plain run": kills(foreign=True),
    "process 0": kills(0, 0.0),
    "process 1": kills(1),
    "all processes": kills(-1),
    "a process without a number": kills("x"),
    "a process of an impossible number": kills(10**30),
    "a process that began at no time": kills(None, "never"),
    "a link in place of recover's history": linked("history/recover.ndjson"),
    "a link in place of a history": linked("history/worker.ndjson"),
    "a link in place of the history's folder": linked("history"),
    "a link in place of the logs": linked("logs"),
    "a link where a report is written": linked(".report.html.new"),
    "a link where the JSON is written": linked(".report.json.new"),
    "a link in place of a report": linked("report.html"),
    "a link in place of the plan": linked("plan.json"),
    "a dangling link in place of the plan": linked("plan.json", to="/nowhere"),
    "a link to a device": linked("plan.json", to="/dev/zero"),
    "a link to itself": linked("plan.json", to="plan.json"),
    "a link in place of the metrics": linked("metrics.ndjson", to="/dev/zero"),
    "a link in place of the rows": linked("requests.0.bin", to="/dev/zero"),
    "a pipe in place of the plan": replaced("plan.json", os.mkfifo),
    "a pipe in place of run.json": replaced("run.json", os.mkfifo),
    "a pipe in place of a history": replaced("history/worker.ndjson", os.mkfifo),
    "a pipe in place of recover's history": replaced("history/recover.ndjson", os.mkfifo),
    "a pipe in place of the metrics": replaced("metrics.ndjson", os.mkfifo),
    "a pipe in place of the rows": replaced("requests.0.bin", os.mkfifo),
    "a pipe in place of the names": replaced("requests.0.names", os.mkfifo),
    "a pipe in place of the plain plan": replaced(PLAN, os.mkfifo),
    "a folder in place of the plan": replaced("plan.json", Path.mkdir),
    "a folder in place of run.json": replaced("run.json", Path.mkdir),
    "a folder in place of a history": replaced("history/worker.ndjson", Path.mkdir),
    "a folder in place of a report": replaced("report.html", Path.mkdir),
    "a folder where a report is written": replaced(".report.html.new", Path.mkdir),
    "a folder in place of the rows": replaced("requests.0.bin", Path.mkdir),
    "a file in place of the history's folder": replaced("history", Path.touch),
    "a plan that is nested too deep": replaced("plan.json", deep),
    "a run.json that is nested too deep": replaced("run.json", deep),
    "a history that is nested too deep": replaced("history/worker.ndjson", deep),
    "metrics that are nested too deep": replaced("metrics.ndjson", deep),
    "rows that are nested too deep": replaced("requests.0.bin", lambda path: path.write_text(DEEP + "\n")),
    "a plain plan that is nested too deep": replaced(PLAN, deep),
    "a plan of a terabyte": replaced("plan.json", huge),
    "a history of a terabyte": replaced("history/worker.ndjson", huge),
    "rows of a terabyte": replaced("requests.0.bin", huge),
    "metrics of a terabyte": replaced("metrics.ndjson", huge),
    "a fault without a name": odd(Event.FAULT_INTENDED, {}),
    "a fault whose name is a list": odd(Event.FAULT_INTENDED, {"id": [], "fault": {}, "undo": 3}),
    "an activity without rollbacks": odd(Event.FAULT_INTENDED, {"id": "a", "fault": "activity", "undo": None}),
    "an endless time": odd(Event.FAULT_VERIFIED, {"id": "latency-1"}, t_s=1e308),
    "an impossible number of a record": odd(Event.RUN_STARTED, {}, seq=10**300),
    "an impossible count of records": odd(Event.RUN_FINISHED, {"records": {"worker": 10**300, "x": -1}}),
    "a system named like a path": planned_with('"name": "', '"name": "../../'),
    "a folder that everybody can write": writable("."),
    "a history that everybody can write": writable("history"),
    "a folder of runs that everybody can write": writable(".."),
}
AS_ROOT: dict[str, Callable[[Stage], None]] = {
    "another's folder": anothers("."),
    "another's history": anothers("history"),
    "another's file": anothers("history/worker.ndjson"),
    "another's plan": anothers("plan.json"),
}
"""Only root can make them."""
