"""Find every mistake of a plain experiment before anything of it is run."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from gameday.agent.waiting import readable
from gameday.experiment.flaws import Flaw
from gameday.experiment.loading.foreign import Foreign
from gameday.experiment.loading.problems import Problem
from gameday.record.scrubbing import Scrubber

MOST_S = 120.0
"""How long its modules may take to be imported, and its secrets to be read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inspected:
    """
    What is wrong with a plain experiment.

    Attributes:
        problems: Every mistake; none when it can be run.
        questions: What its controls ask a person, one line each; they need a terminal.
    """

    problems: tuple[Problem, ...]
    questions: tuple[str, ...]


def inspected(foreign: Foreign) -> Inspected:
    """
    Inspect an experiment in a process that ends with it: modules that are imported may print, wait, leave or change the interpreter.

    What it says has no secrets.
    """
    answer = _answer(foreign)
    document, scrubber = foreign.document(), Scrubber(foreign.secrets())
    problems = []
    for each in answer["flaws"]:
        flaw = Flaw(**{**each, "path": tuple(each["path"])})
        told = {name: scrubber.text(getattr(flaw, name)) for name in ("message", "seen", "valid", "hint")}
        problems.append(document.problem(Flaw(flaw.path, **told, of_key=flaw.of_key)))
    return Inspected(tuple(problems), tuple(answer["questions"]))


def _answer(foreign: Foreign) -> dict[str, Any]:
    said, writable = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: the child takes none of their locks
        pid = os.fork()
    if pid == 0:
        _inspect(foreign, writable)
    os.close(writable)
    data = b""
    try:
        until_s = time.monotonic() + MOST_S
        while readable(said, until_s - time.monotonic()):
            if not (part := os.read(said, 65536)):
                break
            data += part
            if data.endswith(b"\n"):
                break
    finally:
        os.close(said)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    try:
        answer: dict[str, Any] = json.loads(data)
    except ValueError:
        what = (
            "its modules cannot be imported, or its secrets not be read: the process that does it ended, or did not end"
        )
        flaw = Flaw((), what, f"no answer within {MOST_S:g} s", "an experiment that chaos validate accepts")
        answer = {"flaws": [dataclasses.asdict(flaw)], "questions": []}
    return answer


def _inspect(foreign: Foreign, writable: int) -> None:
    """Write what is found, and leave. It is the child's, and never returns."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for each in (0, 1, 2):
            os.dup2(nothing, each)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it ends with the process
        sys.path += [str(foreign.path.resolve().parent), str(Path.cwd())]
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        from gameday.runner.foreign.controls import questions  # noqa: PLC0415 - they are slow to import, and only for this process
        from gameday.runner.foreign.inspection import mistakes  # noqa: PLC0415 - same

        value = dict(foreign.value)
        flaws = [dataclasses.asdict(flaw) for flaw in mistakes(value)]
        answer = json.dumps({"flaws": flaws, "questions": [*questions(value)]}, default=str).encode() + b"\n"
        while answer:
            answer = answer[os.write(writable, answer) :]
    finally:
        os._exit(0)
