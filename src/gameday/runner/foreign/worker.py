"""
The worker of a plain Chaos Toolkit experiment. ``python -m gameday.runner.foreign.worker``.

It reads its ``ForeignOrder`` from standard input and writes every record of its history to standard output as well, as the worker of
gameday's own experiments does. What the experiment itself prints goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, TextIO

from chaoslib.experiment import run_experiment
from chaoslib.types import Strategy

from gameday.agent.lifeline import adopt_orphans
from gameday.experiment.loading.foreign import parse
from gameday.record.history import Event, History, Record
from gameday.record.scrubbing import Scrubber
from gameday.runner.foreign.book import Book, to_text
from gameday.runner.foreign.controls import lost_controls
from gameday.runner.foreign.order import ForeignOrder
from gameday.runner.foreign.proofs import see_valid, with_proofs
from gameday.runner.foreign.recorder import Recorder, texts
from gameday.runner.foreign.rollbacks import left_after, play
from gameday.runner.foreign.watchdog import Watchdog
from gameday.runner.guard import Guard, leave

ALWAYS = {"runtime": {"rollbacks": {"strategy": "always"}}}
"""An experiment may say when its rollbacks are played; here they always are."""
STRATEGIES = "default, before-method-only, after-method-only, during-method-only, continuously"


def main() -> int:
    """Carry out one order."""
    with _protocol() as out:
        out.write("ready\n")
        out.flush()
        line = sys.stdin.readline()
        if not line:
            return 0
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a process that reads its input must not wait for ours
        adopt_orphans()
        order = ForeignOrder.model_validate_json(line)
        scrubber = Scrubber()

        def tell(record: Record) -> None:
            with suppress(OSError):  # nobody listens any more: the supervisor is dead, and the rollbacks go on
                out.write(json.dumps({"t_s": record.t_s, "event": record.event, "data": record.data}) + "\n")
                out.flush()

        history = History(order.folder, order.writer, start_s=order.start_s, follow=tell)
        _log_to(order.folder / "logs" / "chaostoolkit.log", scrubber)
        sys.path.append(str(order.path.resolve().parent))
        try:
            _carry_out(order, Book(history, scrubber))
        finally:
            history.close()
        with suppress(OSError):
            out.flush()
        logging.shutdown()
        os._exit(0)  # a background activity that hangs would keep the interpreter from leaving


def _carry_out(order: ForeignOrder, book: Book) -> None:
    experiment = with_proofs(_read(order))
    book.scrubber.learn(texts(experiment.get("secrets")))
    if order.rollbacks_from is not None:
        play(experiment, Recorder(book), book, first=order.rollbacks_from)
        book.write(
            Event.TOOLKIT_ENDED, {"status": "rollbacks only", "deviated": None, "rollbacks": True, "error": None}
        )
        return
    signal.signal(signal.SIGUSR1, leave)  # until Chaos Toolkit's own handler
    watchdog = Watchdog(book)
    try:
        see_valid(experiment)
        strategy = _strategy(experiment)
    except Exception as error:  # noqa: BLE001 - Chaos Toolkit raises TypeError and others for some shapes
        book.write(Event.TOOLKIT_REFUSED, {"reason": f"{error}" or repr(error)})
        return
    for problem in lost_controls(experiment):
        book.write(Event.ERROR, {"where": "controls", "error": problem})
    recorder = Recorder(book)
    raised = _run(experiment, strategy, recorder, watchdog, book)
    _conclude(experiment, recorder, book, order.folder, error=raised)


def _run(
    experiment: dict[str, Any], strategy: Strategy, recorder: Recorder, watchdog: Watchdog, book: Book
) -> str | None:
    """Let Chaos Toolkit run it; return what it raised, None when it came back."""
    error: str | None = None
    watchdog.begin()
    try:
        run_experiment(
            deepcopy(experiment),
            settings=deepcopy(ALWAYS),
            strategy=strategy,
            event_handlers=[Guard(), recorder, watchdog],
        )
    except (Exception, KeyboardInterrupt, SystemExit) as raised:  # noqa: BLE001 - the rollbacks come first
        error = watchdog.ended or f"{type(raised).__name__}: {raised}"
        book.write(
            Event.ERROR,
            {"where": "Chaos Toolkit", "error": error, "traceback": "".join(traceback.format_exception(raised))},
        )
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        watchdog.end()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return error


def _conclude(experiment: dict[str, Any], recorder: Recorder, book: Book, folder: Path, *, error: str | None) -> None:
    """Play what is left of the rollbacks, and write down how it ended."""
    journal = recorder.journal
    if journal is None:
        book.write(Event.TOOLKIT_REFUSED, {"reason": error or "it never began"})
        return
    if left_after(experiment, recorder):
        play(experiment, recorder, book, first=recorder.rolled_back)
    _keep(journal, folder, book)
    book.write(
        Event.TOOLKIT_ENDED,
        {
            "status": str(journal.get("status")) if error is None else "raised",
            "deviated": bool(journal.get("deviated")),
            "rollbacks": not left_after(experiment, recorder),
            "error": error,
        },
    )


def _read(order: ForeignOrder) -> dict[str, Any]:
    """Parse the experiment as Chaos Toolkit does; ``dry`` is an option of its command line, not of the file."""
    experiment = parse(order.text, order.path.suffix)
    assert isinstance(experiment, dict)  # noqa: S101 - the supervisor has seen that it is one
    return {key: value for key, value in experiment.items() if key != "dry"}


def _strategy(experiment: dict[str, Any]) -> Strategy:
    runtime = experiment.get("runtime") or {}
    name = (runtime.get("hypothesis") or {}).get("strategy") or "default"
    try:
        return Strategy.from_string("continuously" if name in {"continously", "continuous"} else name)
    except ValueError as error:
        raise ValueError(f"runtime.hypothesis.strategy is {name}, which is none of {STRATEGIES}") from error


def _keep(journal: dict[str, Any], folder: Path, book: Book) -> None:
    """Write Chaos Toolkit's journal, without the secrets that it resolves into the configuration's probes."""
    plain = book.scrubber.value(json.loads(to_text(journal)))
    text = json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    (folder / "journal.json").write_text(text, encoding="utf-8", errors="backslashreplace")


def _protocol() -> TextIO:
    """Take the pipe to the supervisor away from whatever the experiment prints, which goes to standard error from now on."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(pipe, "w", encoding="utf-8", errors="backslashreplace")


class _Scrubbed(logging.Formatter):
    def __init__(self, scrubber: Scrubber) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        return self._scrubber.text(super().format(record))


def _log_to(path: Path, scrubber: Scrubber) -> None:
    """Send Chaos Toolkit's log to a file of the run."""
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Scrubbed(scrubber))
    for name in ("chaostoolkit", "chaostoolkit-lib", "logzero_default"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
