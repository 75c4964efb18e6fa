"""What undoing, from a target alone, whatever earlier runs left there has come to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repaired:
    """
    One recovery.

    Attributes:
        undone: What was found and undone, one sentence each.
        left: What resisted, one sentence each.
    """

    undone: tuple[str, ...]
    left: tuple[str, ...]
