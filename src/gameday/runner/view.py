"""What a run shows while it goes on; the console implements it, tests record it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route in the last second: rates per second; ``p95_s`` of the last seconds, None while there is too little."""

    route: str
    offered_per_s: float
    goodput_per_s: float
    p95_s: float | None
    rejected_per_s: float
    hung: int


class View(Protocol):
    """Somebody watching a run."""

    def step(self, text: str) -> None:
        """Show a step of the set-up or the clean-up."""
        ...

    def phase(self, name: str, start_s: float, end_s: float) -> None:
        """Show that a phase began; times are on the load's clock."""
        ...

    def tick(self, t_s: float, routes: Sequence[RouteLine], in_flight: int) -> None:
        """Show the load's present figures."""
        ...

    def notice(self, text: str) -> None:
        """Show that something happened: a fault injected, confirmed, undone, an abort."""
        ...

    def close(self) -> None:
        """Take the live view off the screen; idempotent."""
        ...
