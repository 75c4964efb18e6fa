"""
The names of requests that stand for no route of the system: ``requests.<worker>.names``, one line of JSON each.

Only a person's own locustfile sends such requests. Their rows carry a route index beyond those of the row file's header, and a line
``{"route": 6, "name": "GET /basket"}``, written before the first row that uses it, tells what the index stands for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gameday.record.guarded import open_to_append, read_bytes


class NamesWriter:
    """The one writer of one file; it is created with the first name."""

    def __init__(self, folder: Path, *, worker: int) -> None:
        """Remember where; nothing is created."""
        self._path = folder / f"requests.{worker}.names"

    def add(self, route: int, name: str) -> None:
        """Append one name."""
        file = open_to_append(self._path)
        try:
            os.write(file, (json.dumps({"route": route, "name": name}) + "\n").encode())
        finally:
            os.close(file)


def read_names(folder: Path) -> Mapping[int, str]:
    """Return route index -> request name, in the order of first appearance; a torn last line is ignored."""
    names: dict[int, str] = {}
    for path in sorted(folder.glob("requests.*.names")):
        for line in read_bytes(path).split(b"\n"):
            try:
                value = json.loads(line)
                names[int(value["route"])] = str(value["name"])
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue
    return names
