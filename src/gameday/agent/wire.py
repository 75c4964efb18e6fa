"""What the runner and the parts of it that run in a cluster agree on. Standard library only, and next to nothing: both sides import it."""

from __future__ import annotations

from collections.abc import Mapping

PROOF_HEADER = "X-Gameday-Proof"
"""By it an agent or a load's master knows who may ask: see ``agent.proof``."""
PORTS: Mapping[str, int] = {"network": 28021, "process": 28022}
"""Where an agent answers, by its mode: neither a port that a mesh uses (Istio's are 15000 to 15090), nor one that the kernel gives away."""
CONTROL_PORT = 28031
"""Where a load's master answers."""
JANITOR_PORT = 28041
"""Where a janitor listens once it has tried its undo: a connection there is all that makes its pod ready."""
OPEN_FIRST = "send op open first"
"""How an agent's refusals end that an open way would have prevented."""
