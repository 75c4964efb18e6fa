"""
Which experiments a revision's tests carry out in full, a minute for each variant.

All of them on every target would take an hour. So each revision draws: a part runs locally, a part of the others on the cluster, and
whoever wants all of them asks for ``--experiments all``, as the nightly workflow does.
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
ON_TWO_CORES = ("cache-stampede", "kill-web")
"""Those that a cluster of three nodes decides even where all of it shares two processors with the load."""
LOCAL = 2
CLUSTER = 1


def drawn(config: pytest.Config, target: str) -> tuple[str, ...]:
    """Return the experiments to run on ``local`` or ``kind``; the same text draws the same."""
    if config.option.experiments == "all":
        return SEPARATING
    among, count = (SEPARATING, LOCAL) if target == "local" else (ON_TWO_CORES, CLUSTER)
    return tuple(sorted(random.Random(config.option.seeds_from).sample(among, count)))
