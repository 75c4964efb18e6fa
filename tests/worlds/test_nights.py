"""Row 16: nights of one system, which differ more among themselves than the seconds of each make expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from gameday.analysis.differences import Call, difference, figures
from worlds.layers import queue, slower, wandering
from worlds.runs import FAULT, QUIET, World, judged
from worlds.test_hostile import likely

LOGIN = QUIET["login"]
NIGHTS = {
    "quiet": World({"login": LOGIN}, fault="none"),
    "AR(1) noise, sd 0.15": World({"login": (*LOGIN, wandering(0.15))}, fault="none"),
    "AR(1) noise, sd 0.3": World({"login": (*LOGIN, wandering(0.3))}, fault="none"),
    "M/M/4 at 0.9": World({"login": (queue(4, 0.9),)}, fault="none"),
}


def calls(nights: Iterable[World], seed: int) -> dict[str, Call]:
    """Return what is called better or worse of the last night, against those before it."""
    *then, now = (
        {each.id: each for each in figures(judged(world, seed + 1_000_000 * night).checks)}
        for night, world in enumerate(nights)
    )
    found = {name: difference([each[name] for each in then if name in each], [now[name]]) for name in now}
    return {name: seen.call for name, seen in found.items() if seen}


@pytest.mark.parametrize("world", NIGHTS.values(), ids=NIGHTS)
def test_a_night_of_the_same_system_is_neither_better_nor_worse(
    world: World, revision_seed: int, pytestconfig: pytest.Config
) -> None:
    """Of no finding, but by chance."""
    seeds = range(revision_seed, revision_seed + pytestconfig.option.seeds)
    called = Counter(name for seed in seeds for name, call in calls([world] * 4, seed).items() if call)
    assert not called or max(called.values()) <= likely(len(seeds)), called


def test_a_night_that_is_three_times_slower_is_worse(revision_seed: int, pytestconfig: pytest.Config) -> None:
    """Where nights hardly differ otherwise, and five came before: of three, one in sixty seems to differ too much to tell."""
    slow = World({"login": (*LOGIN, slower(3, FAULT))})
    seeds = range(revision_seed, revision_seed + max(3, pytestconfig.option.seeds // 4))
    usual = World({"login": LOGIN})
    assert {calls((*[usual] * 5, slow), seed)["bulkhead.login.latency"] for seed in seeds} == {"worse"}
