"""
Run single Chaos Toolkit activities in a process of their own. ``python -m gameday.runner.foreign.one``.

It reads one line of JSON from standard input (``activities``, ``configuration``, ``secrets``, ``folder``), runs the activities in their
order, whatever becomes of each, and writes one line of JSON: for each its ``status``, ``output``, ``error`` and, where it has a tolerance,
``met``. With ``check`` none is run: each has the ``error`` for which Chaos Toolkit would refuse it. Secrets are
resolved here, from the environment, and hidden in what is written. What the activities print goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, NoReturn, TextIO

from chaoslib.activity import ensure_activity_is_valid, execute_activity
from chaoslib.configuration import load_configuration
from chaoslib.secret import load_secrets

from gameday.agent.lifeline import end_group_with
from gameday.record.scrubbing import Scrubber
from gameday.runner.foreign.book import MOST_CHARACTERS, to_text
from gameday.runner.foreign.proofs import is_met
from gameday.runner.foreign.recorder import last_line, texts


def main() -> NoReturn:
    """Carry out one order."""
    end_group_with(os.getppid())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    order = json.loads(sys.stdin.readline())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    logging.disable(logging.CRITICAL)
    sys.path.append(order["folder"])
    scrubber = Scrubber()
    if order.get("check"):
        _answer(out, [_checked(activity) for activity in order["activities"]])
    try:
        configuration = load_configuration(order["configuration"])
        secrets = load_secrets(order["secrets"], configuration)
        scrubber.learn(texts(secrets))
        found = [_run(activity, configuration, secrets) for activity in order["activities"]]
    except Exception as error:  # noqa: BLE001 - told to who asked
        found = [_told("failed", None, repr(error)) for _ in order["activities"]]
    _answer(out, [scrubber.value(each) for each in found])


def _answer(out: TextIO, found: list[Any]) -> NoReturn:
    out.write(json.dumps(found) + "\n")
    out.close()
    os._exit(0)  # whatever an activity has left running in this process must not keep it


def _checked(activity: dict[str, Any]) -> dict[str, Any]:
    try:
        ensure_activity_is_valid(activity)
    except Exception as error:  # noqa: BLE001 - somebody else's module is imported, and odd shapes raise anything
        return _told("failed", None, " ".join(f"{type(error).__name__}: {error}".split()))
    return _told("succeeded", None, None)


def _run(activity: dict[str, Any], configuration: Any, secrets: Any) -> dict[str, Any]:  # noqa: ANN401 - chaoslib's dicts
    try:
        ensure_activity_is_valid(activity)
        run = execute_activity({}, activity, configuration, secrets, None)
        told = _told(run["status"], run["output"], last_line(run["exception"]) if "exception" in run else None)
        if "tolerance" in activity and run["status"] == "succeeded":
            told["met"] = is_met(activity["tolerance"], run["output"], configuration, secrets)
    except Exception as error:  # noqa: BLE001 - an activity is somebody else's code
        return _told("failed", None, f"{type(error).__name__}: {error}")
    return told


def _told(status: str, output: object, error: str | None) -> dict[str, Any]:
    return {"status": status, "output": to_text(output)[:MOST_CHARACTERS], "error": error, "met": None}


if __name__ == "__main__":
    main()
