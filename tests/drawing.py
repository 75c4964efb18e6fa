"""
What a revision's tests do a part of, and the nightly command does in full.

All experiments on every target, every row of the two-tier office and every write that can fail would take hours. So each revision draws some
of them by its hash; ``--nightly`` takes all, and so does whoever names tests (``-k``, ``file::test``).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

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


def drawn(config: pytest.Config) -> tuple[str, ...]:
    """Return the experiments to run locally: one of them, the same for the same text."""
    return SEPARATING if config.option.nightly else (random.Random(config.option.seeds_from).choice(SEPARATING),)


def as_many(config: pytest.Config, ordinary: int, *, at_night: int) -> int:
    """Return how often to try what is tried at random: a few times by each revision, often at night."""
    return at_night if config.option.nightly else ordinary


def left_out(config: pytest.Config, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests that are not drawn: of those of one file with the mark ``drawn(count)``, all but so many."""
    if config.option.nightly or config.option.keyword or any("::" in each for each in config.args):
        return []
    pools = defaultdict[tuple[Path, int], list[pytest.Item]](list)
    for item in items:
        if mark := item.get_closest_marker("drawn"):
            pools[item.path, mark.args[0]].append(item)
    out = list[pytest.Item]()
    for (path, count), pool in pools.items():
        source = random.Random(f"{config.option.seeds_from} {path.name}")
        out += source.sample(pool, max(0, len(pool) - count))
    return out
