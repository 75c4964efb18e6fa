"""Keep a mistake of the analysis from crashing the report, and from passing unseen."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from gameday.analysis.model import Gate, Status

T = TypeVar("T")


@dataclass(slots=True)
class Guard:
    """Does one part of the analysis after the other, and notes which of them raised, with their tracebacks."""

    broken: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    def attempt(self, what: str, act: Callable[[], T], otherwise: T) -> T:
        """Return what ``act`` gives, or ``otherwise`` when it raises."""
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - a part's mistake must neither crash the report nor pass
            self.broken.append(f"{what}: {error!r}")
            self.traces.append(traceback.format_exc())
            return otherwise

    def gates(self) -> tuple[Gate, ...]:
        """Return a gate that forbids any pass when a part raised; none when all went well."""
        if not self.broken:
            return ()
        return (
            Gate(
                id="gate.analysis",
                title="the analysis itself worked",
                status=Status.INCONCLUSIVE,
                forbids="pass",
                value=float(len(self.broken)),
                unit="parts failed",
                op="<",
                bound=0.0,
                n=0,
                reason=f"the analysis itself failed in {self.broken[0]}",
                evidence=(*self.broken[1:], *self.traces),
            ),
        )
