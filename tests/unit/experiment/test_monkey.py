"""When the monkey comes, and the experiment that is made of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest

from gameday.experiment.loading.load import load_experiment
from gameday.experiment.monkey import APART_S, SEEN_S, Wanted, least_s, visits, write
from gameday.faults import catalogue
from samples import shop

SYSTEMS = Path(__file__).parents[3] / "experiments" / "systems"


@pytest.mark.parametrize("seed", range(40))
def test_visits_are_apart_and_within_the_time(seed: int) -> None:
    """Each is seen before the next, and the last one before the end."""
    drawn = visits(for_s=60, every_s=10, seed=seed)
    assert drawn == visits(for_s=60, every_s=10, seed=seed)
    assert len(drawn) >= 1
    assert 0 <= drawn[0] <= drawn[-1] <= 60 - SEEN_S
    assert all(later - earlier >= APART_S - 0.1 - 1e-9 for earlier, later in pairwise(drawn))


def test_the_gaps_have_the_mean_that_was_asked_for() -> None:
    """Two thousand of them, within a twentieth."""
    gaps = [later - earlier for earlier, later in pairwise(visits(for_s=20_000, every_s=10, seed=1))]
    assert fmean(gaps) == pytest.approx(10, rel=0.05)


def test_another_seed_comes_at_other_times() -> None:
    """The rhythm is random, and that is all that is."""
    assert len({visits(for_s=60, every_s=10, seed=seed) for seed in range(20)}) == 20


def test_it_comes_at_least_once() -> None:
    """Also where the rhythm would miss the time altogether."""
    assert all(len(visits(for_s=9, every_s=1000, seed=seed)) == 1 for seed in range(20))


def test_a_share_of_time_needs_so_many_bins() -> None:
    """Seventeen bins of 3 s that all hold exclude 75 % at 99 % confidence."""
    assert least_s(0.75) == 51


@pytest.mark.parametrize("seed", range(15))
def test_the_experiment_is_valid(seed: int, tmp_path: Path) -> None:
    """Whatever was drawn: gaps, ends, samples."""
    wanted = Wanted(
        services=("web", "recommendations"),
        singles=False,
        for_s=60,
        every_s=6,
        blast_radius=0.34,
        held=0.75,
        seed=seed,
        load_per_s={"login": 60, "pulse": 60},
    )
    path = tmp_path / "monkey.yaml"
    path.write_text(write(shop(), wanted), encoding="utf-8")
    loaded = load_experiment(path, catalogue(), systems=[SYSTEMS])
    assert {call.fault for call in loaded.experiment.method} == {"monkey"}
    assert loaded.experiment.safety.abort is not None
    assert len({call.parameters["seed"] for call in loaded.experiment.method}) == len(loaded.experiment.method)
