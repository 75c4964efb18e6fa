"""
Which experiments a revision's tests carry out in full, a minute for each variant.

All of them on every target would take an hour. So each revision draws one for the local target and another for the cluster, which carries
out ``lose-a-node`` besides; whoever wants all of them asks for ``--experiments all``.
"""

from __future__ import annotations

import random

import pytest

SEPARATING = (
    "blackhole-payments",
    "cache-stampede",
    "kill-database",
    "kill-web",
    "noisy-neighbour",
    "redis-down",
    "slow-recommendations",
)
"""Experiments on which naive must fail and hardened must pass."""


def drawn(config: pytest.Config, target: str) -> tuple[str, ...]:
    """Return the experiments to run on ``local`` or ``kind``: one each, never the same; the same text draws the same."""
    if config.option.experiments == "all":
        return SEPARATING
    local, kind = random.Random(config.option.seeds_from).sample(SEPARATING, 2)
    return (local,) if target == "local" else (kind,)
