"""
The Fault protocol: what a fault does to a target, and how it shows that it did.

The runner calls, in this order: ``prepare`` (reads, changes nothing), then, with the undo data on the disk, ``inject``; while the
fault is held, ``renew`` every second and ``prove`` again and again, from another thread; then ``undo`` and ``healed``. Undo data is
all that ``undo`` and ``healed`` get, so that a process which never saw the injection can call them; whom a fault takes is drawn once, in
``prepare``, and is part of it. A fault with a dose (``scales``) is renewed with any share of it; when the full dose begins again, it
is injected again, and proven against that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from pydantic import JsonValue

from gameday.experiment.catalogue import FaultKind, PlannedFault
from gameday.targets.protocol import Target

Data = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Proof:
    """
    What the target's own signals say about a fault.

    Attributes:
        bites: It took effect on everything it was meant for.
        asked: The declared dose in ``unit``.
        measured: What the target showed, in ``unit``.
        unit: ``s``, ``keys``, ``edges``, ``replicas``, ``pods``, ``nodes``, ``share``, ``cores`` or ``bytes``.
        n: The number of observations behind ``measured`` and ``bypassed``.
        bypassed: How many of them the fault did not reach.
        text: One sentence for the report.
    """

    bites: bool
    asked: float
    measured: float
    unit: str
    n: int
    bypassed: int
    text: str

    def data(self) -> dict[str, JsonValue]:
        """Return it as a history record's data."""
        return asdict(self)


class Fault(FaultKind, Protocol):
    """A fault that can be carried out as it was planned. Every method may raise ``TargetError``."""

    def prepare(self, planned: PlannedFault, target: Target) -> Data:
        """Read the present state and return all that undoing will need. Changes nothing."""
        ...

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:
        """Take effect, under a lease where the target holds one, and return what ``prove`` compares with; renews when it is in effect."""
        ...

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Extend the lease. Idempotent."""
        ...

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:
        """Compare the target's signals now with those kept at the injection."""
        ...

    def undo(self, undo: Data, target: Target) -> None:
        """Bring the state of ``prepare`` back. Idempotent; harmless when the fault never happened."""
        ...

    def healed(self, undo: Data, target: Target) -> bool:
        """Tell from the target's own state whether nothing of the fault is left."""
        ...
