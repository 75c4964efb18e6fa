"""
A run's folder: its fixed names, what the run was made with, and how everything in it is read at once.

``run.json`` (About) · ``plan.json`` · ``experiment.yaml`` and ``system.yaml`` (copies) · ``history/`` · ``requests.*.bin`` ·
``metrics.ndjson`` · ``logs/`` · ``report.html``, ``report.md``, ``report.json``, ``junit.xml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue, TypeAdapter

from gameday.experiment.plan import Plan, read_plan
from gameday.record.belonging import Clock, digest, late_rows, stranger
from gameday.record.guarded import MOST_ROWS_BYTES, ToldError, read_bytes, read_text
from gameday.record.history import Event, Record, lost, read_history
from gameday.record.metrics import Metrics, read_metrics
from gameday.record.names import read_names
from gameday.record.requests import Rows, header, read_rows

LONGEST_S = 7 * 24 * 3600.0
"""No set-up takes longer: a later time is no time."""
_ODD = "lost in requests.*.bin: {} of {} rows are of a worker that the run did not have"


@dataclass(frozen=True, slots=True)
class About:
    """
    What a run was made with.

    Attributes:
        started: Wall clock, ISO 8601 in UTC.
        start_s: The run's start on the machine's monotonic clock, which is 0 of the history.
        boot_id: The kernel's identity of this boot; monotonic times of different boots do not compare.
        versions: Name -> version of gameday, Python and the parts that matter, in the order to be printed.
        command: How to run it again.
    """

    started: str
    start_s: float
    boot_id: str
    versions: Mapping[str, str]
    command: str

    def to_json(self) -> str:
        """Write it for ``run.json``."""
        return _ABOUT.dump_json(self, indent=1).decode() + "\n"


_ABOUT = TypeAdapter(About)


@dataclass(frozen=True, slots=True)
class RunData:
    """
    Everything a run left, on one clock: 0 is the load's start, set-up has negative times.

    Attributes:
        plan: What was to happen.
        rows: The request rows, ordered by scheduled start.
        history: Merged records; their ``t_s`` is on the load's clock.
        metrics: Samples of the system under test, on the load's clock.
        names: Of requests that stand for no route, by their index in the rows; only a locustfile sends such.
        lost: What is missing in the history, a sentence per writer.
    """

    plan: Plan
    rows: Rows
    history: tuple[Record, ...]
    metrics: Metrics
    names: Mapping[int, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


class NotARunError(ToldError):
    """The folder holds no run; the text says what is missing."""


def read_about(folder: Path) -> About:
    """Read ``run.json``. Raises ``NotARunError``."""
    return _ABOUT.validate_json(_text(folder, "run.json"))


def read_run(folder: Path) -> RunData:
    """
    Read everything that a run left; a run that never got to its load has the run's start as 0.

    Raises:
        NotARunError: There is no plan in the folder, or its files are of different runs.
    """
    text = _text(folder, "plan.json")
    plan, history = read_plan(text), read_history(folder)
    see_one_run(folder, {**started(plan), "plan": digest(text)}, history)
    origin_s = _origin_s(history)
    workers = _see_headers(folder, plan, origin_s)
    rows = read_rows(folder)
    known = np.isin(rows["worker"], np.array(list(workers), np.int64))
    rows, odd = rows[known], int(np.count_nonzero(~known))
    if origin_s is None and len(rows):
        raise NotARunError(
            f"{folder}/history does not say when the load began, so its {len(rows)} requests cannot be placed in time"
        )
    origin_s = origin_s or 0.0
    return RunData(
        plan=plan,
        rows=rows,
        history=tuple(replace(record, t_s=round(record.t_s - origin_s, 6)) for record in history),
        metrics=read_metrics(folder).shifted(-origin_s),
        names=read_names(folder),
        lost=(*lost(folder, history), *(_ODD.format(odd, odd + len(rows)) for _ in range(bool(odd)))),
    )


def started(plan: Plan) -> dict[str, JsonValue]:
    """Return what ``run.started`` says of a plan."""
    return {
        "experiment": plan.name,
        "target": plan.target,
        "variant": plan.variant,
        "seed": plan.seed,
        "plan": digest(plan.to_json()),
    }


def see_one_run(
    folder: Path, plan: Mapping[str, JsonValue], history: tuple[Record, ...], *, beside: str = "plan.json"
) -> None:
    """Raise ``NotARunError`` when files of a folder are of different runs; ``plan`` is what ``run.started`` must say of ``beside``."""
    try:
        about = read_about(folder)
        clock = Clock(about.boot_id, about.start_s)
    except (NotARunError, ValueError):  # told by who needs more of it
        clock = None
    if problem := stranger(folder, plan=plan, beside=beside, about=clock, history=history):
        raise NotARunError(problem)


def _see_headers(folder: Path, plan: Plan, origin_s: float | None) -> frozenset[int]:
    """
    Return the numbers of the workers that wrote request rows.

    Raises:
        NotARunError: Rows are of another format, of a plan with other routes, or of another run.
    """
    workers = set()
    for path in sorted(folder.glob("requests.*.bin")):
        try:
            told = header(path)
        except ValueError as error:
            if b"\n" in read_bytes(path, most_bytes=MOST_ROWS_BYTES):
                raise NotARunError(f"{path} cannot be read: {error}") from None
            continue  # killed while it wrote its first line: it holds no rows
        if told.get("routes") != [load.route for load in plan.routes]:
            raise NotARunError(f"{path} holds the requests of another plan: its routes are {told.get('routes')}")
        if problem := late_rows(folder, path, told, origin_s):
            raise NotARunError(problem)
        if isinstance(worker := told.get("worker"), int):
            workers.add(worker)
    return frozenset(workers)


def _origin_s(history: tuple[Record, ...]) -> float | None:
    """Return when the load began by the history; None when it does not say, or names a time that no run reaches."""
    told = next((record.data.get("origin_s") for record in history if record.event == Event.LOAD_ORIGIN), None)
    return float(told) if isinstance(told, int | float) and 0 <= told <= LONGEST_S else None


def _text(folder: Path, name: str) -> str:
    try:
        return read_text(folder / name)
    except FileNotFoundError:
        raise NotARunError(f"{folder} holds no {name}: give the folder of a run, such as reports/latest") from None
