"""Chaos Toolkit's log as a file of the run, without secrets."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from gameday.record.guarded import open_to_append
from gameday.record.scrubbing import Scrubber


class _ScrubbedFormatter(logging.Formatter):
    def __init__(self, scrubber: Scrubber) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        return self._scrubber.text(super().format(record))


def write_toolkit_log(path: Path, scrubber: Scrubber, *beside: logging.Handler) -> None:
    """
    Send what Chaos Toolkit logs from now on to ``path``, from INFO on, and all of it to the handlers ``beside``; nowhere else.

    A log that cannot be written is none: it keeps nothing from being undone.
    """
    logging.raiseExceptions = False
    handler: logging.Handler = logging.NullHandler()
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        stream = os.fdopen(open_to_append(path), "a", encoding="utf-8", errors="backslashreplace")
        handler = logging.StreamHandler(stream)
    handler.setFormatter(_ScrubbedFormatter(scrubber))
    handler.setLevel(logging.INFO)
    for name in ("chaostoolkit", "chaostoolkit-lib", "logzero_default"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler, *beside], False
        logger.setLevel(logging.DEBUG if beside else logging.INFO)
