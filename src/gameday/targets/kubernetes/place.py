"""What a system file says of its cluster, for everything that needs it to say something."""

from __future__ import annotations

from gameday.experiment.model import KindTarget, System
from gameday.targets.protocol import TargetError


def kind_of(system: System) -> KindTarget:
    """Return it; raises ``TargetError`` when it says nothing."""
    if system.targets.kind is None:
        raise TargetError(
            f"system {system.name} has no targets.kind; add targets: {{kind: {{context: ..., namespace: ..., url: ...}}}}"
        )
    return system.targets.kind
