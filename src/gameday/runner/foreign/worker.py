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
from gameday.experiment.loading.foreign import known_secrets, parse
from gameday.record.guarded import write_text
from gameday.record.history import Event, History, Record, RecordError
from gameday.record.scrubbing import Scrubber
from gameday.runner.foreign.book import Book, to_text
from gameday.runner.foreign.controls import see_answers
from gameday.runner.foreign.order import ForeignOrder
from gameday.runner.foreign.proofs import with_proofs
from gameday.runner.foreign.recorder import Recorder
from gameday.runner.foreign.rollbacks import left_after, play
from gameday.runner.foreign.watchdog import Watchdog
from gameday.runner.guard import Guard, leave
from gameday.runner.toolkit_log import write_toolkit_log

ALWAYS = {"runtime": {"rollbacks": {"strategy": "always"}}}
"""An experiment may say when its rollbacks are played; here they always are."""


def main() -> int:
    """Carry out one order."""
    with _protocol() as out:
        out.write("ready\n")
        out.flush()
        line = sys.stdin.readline()
        if not line:
            return 0
        adopt_orphans()
        order = ForeignOrder.model_validate_json(line)
        _read_from(order.terminal)
        scrubber = Scrubber()

        def tell(record: Record) -> None:
            with suppress(OSError):  # nobody listens any more: the supervisor is dead, and the rollbacks go on
                out.write(json.dumps({"t_s": record.t_s, "event": record.event, "data": record.data}) + "\n")
                out.flush()

        rolls_back = order.rollbacks_from is not None
        try:
            history = History(order.folder, order.writer, start_s=order.start_s, follow=tell, tolerant=rolls_back)
        except RecordError as error:
            print(error, file=sys.stderr)  # noqa: T201 - nothing was begun
            return 1
        write_toolkit_log(order.folder / "logs" / "chaostoolkit.log", scrubber, _UNREAD)
        sys.path += [str(order.path.resolve().parent), str(Path.cwd())]
        code = 0
        try:
            _carry_out(order, Book(history, scrubber))
        except RecordError as error:  # what is left of the rollbacks is played by another worker
            print(error, file=sys.stderr)  # noqa: T201 - the supervisor's own
            code = 1
        finally:
            history.tolerate()
            history.close()
        with suppress(OSError):
            out.flush()
        logging.shutdown()
        os._exit(code)  # a background activity that hangs would keep the interpreter from leaving


def _carry_out(order: ForeignOrder, book: Book) -> None:
    experiment = with_proofs(_read(order))
    book.scrubber.learn(known_secrets(experiment.get("secrets")))
    if order.rollbacks_from is not None:
        play(experiment, Recorder(book), book, first=order.rollbacks_from)
        book.write(
            Event.TOOLKIT_ENDED, {"status": "rollbacks only", "deviated": None, "rollbacks": True, "error": None}
        )
        return
    signal.signal(signal.SIGUSR1, leave)  # until Chaos Toolkit's own handler
    watchdog = Watchdog(book)
    recorder = Recorder(book)
    raised = _run(experiment, _strategy(experiment), recorder, watchdog, book)
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
    if journal is None or not recorder.is_running:
        if recorder.unread:
            why = "".join(f"; {book.shown(text)}" for text in _UNREAD.texts)
            error = f"a probe of the configuration could not find out {', '.join(recorder.unread)}{why}"
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
    return Strategy.from_string("continuously" if name in {"continously", "continuous"} else name)


def _keep(journal: dict[str, Any], folder: Path, book: Book) -> None:
    """Write Chaos Toolkit's journal, without the secrets that it resolves into the configuration's probes."""
    plain = book.scrubber.value(json.loads(to_text(journal)))
    text = json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    write_text(folder / "journal.json", text, errors="backslashreplace")


def _read_from(terminal: Path | None) -> None:
    """Make a terminal the standard input; without one there is nothing to read, and a question of a control ends the experiment."""
    file = os.open(terminal, os.O_RDWR | os.O_NOCTTY) if terminal else os.open(os.devnull, os.O_RDONLY)
    os.dup2(file, 0)
    os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it ends with the process
    see_answers(terminal=terminal is not None)


def _protocol() -> TextIO:
    """Take the pipe to the supervisor away from whatever the experiment prints, which goes to standard error from now on."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(pipe, "w", encoding="utf-8", errors="backslashreplace")


class _Unread(logging.Handler):
    """Keeps why probes of the configuration failed: Chaos Toolkit tells it to its log only, at the level DEBUG."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("Failed to load configuration"):
            self.texts.append(f"{text}: {record.exc_info[1]}" if record.exc_info else text)


_UNREAD = _Unread()


if __name__ == "__main__":
    sys.exit(main())
