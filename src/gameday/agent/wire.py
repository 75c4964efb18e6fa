"""What the runner and the parts of it that run in a cluster agree on. Standard library only, and next to nothing: both sides import it."""

from __future__ import annotations

from collections.abc import Mapping

TOKEN_HEADER = "X-Gameday-Token"  # noqa: S105 - a name, not a token
"""By it an agent or a load's master knows who may ask."""
PORTS: Mapping[str, int] = {"network": 15021, "process": 15022}
"""Where an agent answers, by its mode."""
CONTROL_PORT = 15031
"""Where a load's master answers."""
OPEN_FIRST = "send op open first"
"""How an agent's refusals end that an open way would have prevented."""
