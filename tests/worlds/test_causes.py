"""The cause that is built into a system is named in nine of ten runs, another in no more than one of fifty, none where nothing happens."""

from __future__ import annotations

import numpy as np
import pytest

from worlds.causes import CAUSES, named, nothing

RIGHT, WRONG, FALSE = 0.90, 0.02, 0.01
UNNAMED = {None, "unknown"}


@pytest.fixture
def seeds(revision_seed: int, pytestconfig: pytest.Config) -> range:
    """Return five runs of a revision's, forty at night."""
    runs: int = pytestconfig.option.seeds
    return range(revision_seed, revision_seed + max(5, runs // 5))


@pytest.mark.parametrize("truth", CAUSES)
def test_the_cause_is_named_or_unknown(truth: str, seeds: range) -> None:
    """Of each cause; by chance one revision in ten thousand has fewer right, or more wrong, than these shares make likely."""
    said = {seed: found.name if (found := named(truth, seed)) else None for seed in seeds}
    right = sum(name == truth for name in said.values())
    wrong = {seed: name for seed, name in said.items() if name not in {truth, *UNNAMED}}
    assert right >= binomial(len(said), RIGHT, 0.0001), said
    assert len(wrong) <= binomial(len(said), WRONG, 0.9999), wrong


def test_nothing_has_no_chain_and_no_cause(seeds: range) -> None:
    """In no world is anything named; a change is seen in one of a hundred runs of all of them."""
    said = [(seed, name, found) for seed in seeds for name, found in nothing(seed)]
    assert [(seed, name) for seed, name, found in said if found and found.name not in UNNAMED] == []
    chains = [(seed, name) for seed, name, found in said if found and found.chain]
    assert len(chains) <= binomial(len(said), FALSE, 0.9999), chains


def binomial(runs: int, share: float, quantile: float) -> int:
    """Return the quantile of how many of so many runs have a chance of ``share``."""
    return int(np.quantile(np.random.default_rng(1).binomial(runs, share, 400_000), quantile))
