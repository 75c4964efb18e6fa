"""What the supervisor tells its worker, as one line of JSON."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Order(BaseModel):
    """
    One run to carry out.

    Attributes:
        folder: The run's folder; ``plan.json`` is in it.
        address: Where ``connect`` reaches the system.
        start_s: The run's start, which is 0 of the history, on the monotonic clock.
        origin_s: The load's start on the monotonic clock.
        secrets: Values that must reach no file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    address: str
    start_s: float
    origin_s: float
    secrets: tuple[str, ...]
