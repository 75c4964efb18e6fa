"""The history of a plain experiment: written from several threads, without secrets."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

from chaoslib import PayloadEncoder
from pydantic import JsonValue

from gameday.record.history import Event, History
from gameday.record.scrubbing import Scrubber

MOST_CHARACTERS = 500
"""How much of an activity's output a record keeps; the journal has all of it."""
WORDS = frozenset({"section", "kind", "status", "phase"})
"""Keys whose values are gameday's or Chaos Toolkit's own words: a secret that happens to be ``method`` must not change them."""


class Book:
    """Appends to a history; background activities and the continuous hypothesis do so beside the main thread."""

    def __init__(self, history: History, scrubber: Scrubber) -> None:
        """Write to ``history`` what ``scrubber`` lets through."""
        self._history, self.scrubber = history, scrubber
        self._lock = threading.RLock()  # a signal may interrupt an append, and what it ends records too

    def write(self, event: Event, data: Mapping[str, JsonValue], *, durable: bool = False) -> None:
        """Append one record."""
        scrubbed = {key: each if key in WORDS else self.scrubber.value(each) for key, each in data.items()}
        with self._lock:
            self._history.append(event, scrubbed, durable=durable)

    def shown(self, output: object) -> str:
        """Write an activity's output as one short line."""
        text = self.scrubber.text(output if isinstance(output, str) else to_text(output))
        line = " ".join(text.split())
        return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"


def to_text(value: object, *, indent: int | None = None) -> str:
    """Write any value as JSON: what JSON does not have is written as Chaos Toolkit writes it, else as Python shows it."""
    try:
        return json.dumps(value, cls=_Encoder, indent=indent, skipkeys=True, ensure_ascii=False)
    except (ValueError, RecursionError):  # it contains itself
        return json.dumps(repr(value), ensure_ascii=False)


class _Encoder(PayloadEncoder):  # type: ignore[misc]  # chaoslib publishes no types
    def default(self, value: object) -> object:
        try:
            return super().default(value)
        except Exception:  # noqa: BLE001 - whatever it is, the journal must be written
            return repr(value)
