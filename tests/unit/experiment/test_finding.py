"""Experiments are found by name beside the caller, then among those that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.experiment.loading.finding import (
    UnknownExperimentError,
    experiment_folders,
    find_experiment,
    find_experiments,
    shipped,
)


def test_those_that_ship_are_found_in_any_folder(tmp_path: Path) -> None:
    """``gameday run cache-stampede`` needs no checkout."""
    assert set(find_experiments(experiment_folders(tmp_path))) >= {"none", "cache-stampede", "slow-recommendations"}


def test_one_beside_the_caller_goes_before_one_that_ships(tmp_path: Path) -> None:
    """A copy can be changed in place; its system is looked for beside it first."""
    own = tmp_path / "experiments" / "none.yaml"
    own.parent.mkdir()
    own.write_text("", encoding="utf-8")
    found = find_experiment("none", experiment_folders(tmp_path))
    assert found.path == own
    assert found.systems == (own.parent / "systems", shipped() / "systems")


def test_a_path_names_a_file_anywhere(tmp_path: Path) -> None:
    """What has a slash or a suffix is no name."""
    path = tmp_path / "mine.yaml"
    path.write_text("", encoding="utf-8")
    assert find_experiment(str(path), ()).path == path
    with pytest.raises(UnknownExperimentError):
        find_experiment(str(tmp_path), ())


def test_an_unknown_name_suggests_the_nearest_and_lists_all(tmp_path: Path) -> None:
    """A typing error costs one more command."""
    with pytest.raises(UnknownExperimentError) as caught:
        find_experiment("cachestampede", experiment_folders(tmp_path))
    assert caught.value.hint == 'did you mean "cache-stampede"?'
    assert "slow-recommendations" in caught.value.valid
