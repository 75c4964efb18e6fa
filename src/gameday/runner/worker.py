"""
The worker process: runs the compiled experiment with Chaos Toolkit. ``python -m gameday.runner.worker``.

It loads its libraries, says ``ready`` on standard output and reads one line of JSON, its ``Order``, from standard input. From then on
every record of its history is also a line on standard output. It dies with the supervisor, through its rollbacks.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

from chaoslib import PayloadEncoder
from chaoslib.experiment import run_experiment
from chaoslib.types import Journal, Strategy

from gameday.experiment.compile import to_chaos_toolkit
from gameday.experiment.plan import read_plan
from gameday.faults import catalogue
from gameday.record.folder import write_text
from gameday.record.history import Event, History, Record, masked
from gameday.runner.activities import Session, use
from gameday.runner.env import Env
from gameday.runner.guard import Guard
from gameday.runner.order import Order
from gameday.targets.connect import connect


def main() -> int:
    """Carry out one order."""
    print("ready", flush=True)  # noqa: T201 - the protocol with the supervisor
    line = sys.stdin.readline()
    if not line:
        return 0
    order = Order.model_validate_json(line)
    history = History(order.folder, "worker", start_s=order.start_s, secrets=order.secrets, follow=_tell)
    try:
        _log_to(order.folder / "logs" / "chaostoolkit.log")
        _run(order, history)
    finally:
        history.close()
    return 0


def _run(order: Order, history: History) -> None:
    plan = read_plan((order.folder / "plan.json").read_text(encoding="utf-8"))
    session = Session(
        plan=plan,
        faults=catalogue(),
        target=connect(plan.target, order.address),
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
    write_text(order.folder / "journal.json", json.dumps(masked(plain, order.secrets), indent=1) + "\n")


def _last_line(exception: object) -> str:
    lines = [str(line).strip() for line in exception] if isinstance(exception, list) else []
    return next((line for line in reversed(lines) if line), "it did not succeed")


def _tell(record: Record) -> None:
    with suppress(OSError):  # nobody listens any more: the supervisor is dead, and undoing goes on
        print(json.dumps({"t_s": record.t_s, "event": record.event, "data": record.data}), flush=True)  # noqa: T201 - the protocol


def _log_to(path: Path) -> None:
    """Send Chaos Toolkit's log to a file of the run."""
    path.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("chaostoolkit", "chaostoolkit-lib", "logzero_default"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
