"""Old results of suites go; what the next one is compared with, and what is no result of ours, stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gameday.analysis.suite import SuiteRun
from gameday.report.suite import to_json
from gameday.runner.pruning import prune, prune_suites
from gameday.runner.suite import FILE, FOLDER, create, keep
from unit.report.suites import last_night


def result(out: Path, number: int, *, run: SuiteRun | None = None, number_in_second: str = "") -> Path:
    """Keep a suite's result as the command does, as if it had begun at a second of its own."""
    run = run or last_night()
    made = create(out, run.name)
    keep(made, {FILE: to_json(run, None), "summary.html": "<p>"})
    folder = made.rename(made.parent / f"20260101-0000{number:02}-{run.name}{number_in_second}")
    point(out, folder.name)
    return folder


def point(out: Path, name: str) -> None:
    """Point ``latest`` of the suites to a name."""
    (out / FOLDER / "latest").unlink(missing_ok=True)
    (out / FOLDER / "latest").symlink_to(name)


def test_all_but_the_newest_go(tmp_path: Path) -> None:
    """With everything in them; the order is that in which they began, also within a second."""
    folders = [result(tmp_path, number) for number in range(3)]
    folders += [result(tmp_path, 3), *(result(tmp_path, 3, number_in_second=each) for each in ("-2", "-10"))]
    assert prune_suites(tmp_path, keep=2) == tuple(folders[:4])
    assert [folder.exists() for folder in folders] == [False] * 4 + [True] * 2
    assert (tmp_path / FOLDER / "latest").resolve() == folders[-1]
    assert prune_suites(tmp_path, keep=2) == ()
    assert prune_suites(tmp_path / "nowhere", keep=1) == ()


def test_what_the_next_one_is_compared_with_stays(tmp_path: Path) -> None:
    """Of each suite on each target, however old; one that was interrupted is no such thing."""
    night = last_night()
    old = result(tmp_path, 0)
    compared = result(tmp_path, 1)
    locally = result(tmp_path, 2, run=replace(night, target="local"))
    weekly = result(tmp_path, 3, run=replace(night, name="weekly"))
    broken_off = result(tmp_path, 4, run=replace(night, interrupted=True))
    newest = result(tmp_path, 5, run=replace(night, interrupted=True))
    assert prune_suites(tmp_path, keep=1) == (old, broken_off)
    assert all(folder.exists() for folder in (compared, locally, weekly, newest))


def test_what_latest_points_to_and_what_is_spared_stays(tmp_path: Path) -> None:
    """However old they are."""
    folders = [result(tmp_path, number) for number in range(4)]
    point(tmp_path, folders[0].name)
    assert prune_suites(tmp_path, keep=1, spare=[folders[1]]) == (folders[2],)


def test_what_is_no_result_of_ours_stays(tmp_path: Path) -> None:
    """A name, a file or a link alone make no result; one that is going on has none yet."""
    foreign = result(tmp_path / "elsewhere", 0)
    out = tmp_path / "runs"
    place = out / FOLDER
    old, *_, newest = [result(out, number) for number in (0, 40, 41)]
    (place / "20250101-000000-nightly").symlink_to(foreign)
    (place / "20250101-000001-nightly").mkdir()
    (place / "20250101-000002-nightly").mkdir()
    (place / "20250101-000002-nightly" / FILE).write_text("{}", encoding="utf-8")
    linked = result(out, 30).rename(place / "20250101-000003-nightly")
    (linked / FILE).unlink()
    (linked / FILE).symlink_to(newest / FILE)
    result(out, 31).rename(place / "my-copy")
    result(out, 32).rename(place / "20250101-000004-weekly")
    (place / "notes.md").write_text("mine\n", encoding="utf-8")
    (old / "a-link").symlink_to(foreign)
    point(out, newest.name)
    before = set(tmp_path.rglob("*"))
    assert prune_suites(out, keep=2) == (old,)
    gone = before - set(tmp_path.rglob("*"))
    assert {path.relative_to(place).parts[0] for path in gone} == {old.name}


def test_a_folder_of_suites_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    """What it leads to is somebody else's."""
    folders = [result(tmp_path / "elsewhere", number) for number in range(3)]
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere" / FOLDER)
    assert prune_suites(tmp_path, keep=1) == ()
    assert all(folder.exists() for folder in folders)


def test_runs_and_results_do_not_know_each_other(tmp_path: Path) -> None:
    """Who prunes runs leaves results."""
    folders = [result(tmp_path, number) for number in range(3)]
    assert prune(tmp_path, keep=1).removed == ()
    assert all(folder.exists() for folder in folders)
