"""What the supervisor tells a node when it starts it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spec:
    """
    How the shop is to run.

    Attributes:
        logs: The folder in which every process has its log.
        query_s: How long the product query takes.
        bypass: Edge -> share of the caller's connections that go around the proxy.
        hot: How many products a reset puts into the cache: those that are asked for again and again.
    """

    logs: Path
    query_s: float
    bypass: Mapping[str, float]
    hot: int

    def to_line(self) -> str:
        """Write it as one line."""
        return json.dumps({**asdict(self), "logs": str(self.logs)}) + "\n"


def read_spec(line: str) -> Spec:
    """Read that line. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
    value = json.loads(line)
    return Spec(Path(value["logs"]), float(value["query_s"]), dict(value["bypass"]), int(value["hot"]))
