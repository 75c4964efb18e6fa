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
"""Experiments on which naive must fail and hardened must pass, on every target."""
LOCAL = 2
CLUSTER = 1


def drawn(config: pytest.Config, target: str) -> tuple[str, ...]:
    """Return the experiments to run on ``local`` or ``kind``: no experiment is drawn for both, and the same text draws the same."""
    if config.option.experiments == "all":
        return SEPARATING
    shuffled = random.Random(config.option.seeds_from).sample(SEPARATING, len(SEPARATING))
    return tuple(sorted(shuffled[:LOCAL] if target == "local" else shuffled[LOCAL : LOCAL + CLUSTER]))
