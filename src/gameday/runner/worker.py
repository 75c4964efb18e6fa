"""
The worker process: runs the compiled experiment with Chaos Toolkit. ``python -m gameday.runner.worker``.

It loads its libraries, says ``ready`` on standard output and reads one line of JSON, its ``Order``, from standard input. From then on
every record of its history is also a line on standard output. It dies with the supervisor, through its rollbacks.
"""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import suppress
from copy import deepcopy

from chaoslib import PayloadEncoder
from chaoslib.experiment import run_experiment
from chaoslib.types import Journal, Strategy

from gameday.experiment.compile import to_chaos_toolkit
from gameday.experiment.plan import read_plan
from gameday.faults import catalogue
from gameday.record.guarded import write_text
from gameday.record.history import Event, History, Record, RecordError
from gameday.record.scrubbing import Scrubber
from gameday.runner.activities import Session, use
from gameday.runner.env import Env
from gameday.runner.guard import Guard
from gameday.runner.order import Order
from gameday.runner.toolkit_log import write_toolkit_log
from gameday.targets.connect import connect
from gameday.targets.protocol import TargetError


def main() -> int:
    """Carry out one order."""
    print("ready", flush=True)  # noqa: T201 - the protocol with the supervisor
    line = sys.stdin.readline()
    if not line:
        return 0
    order = Order.model_validate_json(line)
    try:
        history = History(order.folder, "worker", start_s=order.start_s, secrets=order.secrets, follow=_tell)
    except RecordError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing was begun
        return 1
    try:
        write_toolkit_log(order.folder / "logs" / "chaostoolkit.log", Scrubber(order.secrets))
        _run(order, history)
    except Exception as error:  # noqa: BLE001 - whoever reads the report must learn why the worker was lost
        trace = "".join(traceback.format_exception(error))
        history.tolerate()
        history.append(Event.ERROR, {"where": "worker", "error": _said(error), "traceback": trace})
        return 1
    finally:
        history.tolerate()
        history.close()
    return 0


def _said(error: Exception) -> str:
    """Return what a target says in its own words, and the kind of any other error before its words."""
    return str(error) if isinstance(error, TargetError) else f"{type(error).__name__}: {error}"


def _run(order: Order, history: History) -> None:
    plan = read_plan((order.folder / "plan.json").read_text(encoding="utf-8"))
    session = Session(
        plan=plan,
        faults=catalogue(),
        target=connect(plan.target, order.address, plan.system),
        history=history,
        folder=order.folder,
        env=Env(),
        origin_s=order.origin_s,
    )
    use(session)
    journal = run_experiment(
        deepcopy(to_chaos_toolkit(plan)),
        settings={"runtime": {"rollbacks": {"strategy": "always"}}},
        strategy=Strategy.DEFAULT,
        event_handlers=[Guard()],
    )
    _keep(journal, order)
    for run in journal["run"]:
        if run.get("status") != "succeeded":
            history.append(Event.ERROR, {"where": run["activity"]["name"], "error": _last_line(run.get("exception"))})


def _keep(journal: Journal, order: Order) -> None:
    """Write Chaos Toolkit's journal beside our history, for its own tools."""
    plain = json.loads(json.dumps(journal, cls=PayloadEncoder))
    write_text(order.folder / "journal.json", json.dumps(Scrubber(order.secrets).value(plain), indent=1) + "\n")


def _last_line(exception: object) -> str:
    lines = [str(line).strip() for line in exception] if isinstance(exception, list) else []
    return next((line for line in reversed(lines) if line), "it did not succeed")


def _tell(record: Record) -> None:
    with suppress(OSError):  # nobody listens any more: the supervisor is dead, and undoing goes on
        print(json.dumps({"t_s": record.t_s, "event": record.event, "data": record.data}), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    sys.exit(main())
