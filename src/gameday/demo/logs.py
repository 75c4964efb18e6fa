"""Structured logs: one JSON object a line on standard output. No bodies, no headers, no secrets."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Mapping

Field = str | int | float | bool | None


class Log:
    """Writes a service's log lines."""

    def __init__(self, service: str) -> None:
        """Name the service in every line."""
        self._service = service

    def write(self, event: str, fields: Mapping[str, Field], *, level: str = "info") -> None:
        """Write one line at once."""
        line = {"time_s": round(time.time(), 4), "level": level, "service": self._service, "event": event, **fields}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def failure(self, event: str, error: BaseException, fields: Mapping[str, Field]) -> None:
        """Write what went wrong, with its traceback."""
        text = "".join(traceback.format_exception(error))
        self.write(event, {**fields, "error": f"{type(error).__name__}: {error}", "traceback": text}, level="error")


class LibraryHandler(logging.Handler):
    """Passes what libraries log (warnings and worse) on as lines of the same kind."""

    def __init__(self, log: Log) -> None:
        """Write to a log."""
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        fields: dict[str, Field] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        self._log.write("library", fields, level=record.levelname.lower())
