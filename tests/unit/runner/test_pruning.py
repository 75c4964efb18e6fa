"""Old runs go; what is not a run of ours, left something behind or goes on stays."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from gameday.agent.lifeline import created_s
from gameday.experiment.foreign import ForeignPlan, Step
from gameday.record.foreign import PLAN
from gameday.record.history import Event, History
from gameday.runner.folder import Sources, create_folder, describe
from gameday.runner.identity import identity
from gameday.runner.lock import lock
from gameday.runner.pruning import prune
from samples import planned

SOURCES = Sources("title: x\n", "name: shop\n", "gameday run small")


def run(out: Path, number: int, *events: Event) -> Path:
    """Make a run's folder as a run does, as if it had begun at a second of its own, with these events in its history."""
    made = create_folder(out, planned(), SOURCES)
    folder = made.rename(out / f"20260101-0000{number:02}-small")
    history = History(folder, "supervisor", start_s=0.0)
    for event in events:
        history.append(event, {"id": "latency-1", "fault": "latency", "undo": {}})
    history.close()
    (folder / "logs" / "web.log").write_text("{}\n", encoding="utf-8")
    return folder


def point(out: Path, name: str) -> None:
    """Point ``latest`` to a name."""
    (out / "latest").unlink(missing_ok=True)
    (out / "latest").symlink_to(name)


def runs(out: Path, count: int) -> list[Path]:
    """Make so many finished runs, oldest first."""
    folders = [run(out, number, Event.RUN_FINISHED) for number in range(count)]
    point(out, folders[-1].name)
    return folders


def test_all_but_the_newest_go(tmp_path: Path) -> None:
    """With everything in them."""
    folders = runs(tmp_path, 5)
    assert prune(tmp_path, keep=2).removed == tuple(folders[:3])
    assert [folder.exists() for folder in folders] == [False, False, False, True, True]
    assert (tmp_path / "latest").resolve() == folders[-1]


def test_nothing_goes_while_there_are_no_more_than_are_kept(tmp_path: Path) -> None:
    """Nor where there is no folder of runs at all."""
    folders = runs(tmp_path, 3)
    assert prune(tmp_path, keep=3).removed == ()
    assert all(folder.exists() for folder in folders)
    assert prune(tmp_path / "nowhere", keep=1).removed == ()


def test_runs_of_the_same_second_go_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    """The tenth of a second is newer than the second, although its name sorts before it."""
    first = runs(tmp_path, 1)[0]
    later = []
    for number in (2, 10):
        folder = run(tmp_path, 1, Event.RUN_FINISHED)
        later.append(folder.rename(tmp_path / f"{first.name}-{number}"))
    point(tmp_path, later[-1].name)
    assert prune(tmp_path, keep=1).removed == (first, later[0])
    assert later[1].exists()


def test_what_latest_points_to_and_what_is_spared_stays(tmp_path: Path) -> None:
    """However old they are."""
    folders = runs(tmp_path, 4)
    point(tmp_path, folders[0].name)
    assert prune(tmp_path, keep=1, spare=[folders[1]]).removed == (folders[2],)
    assert (tmp_path / "latest").resolve() == folders[0]


def test_a_run_with_an_outstanding_fault_stays(tmp_path: Path) -> None:
    """What it did can be undone from its folder alone."""
    left = run(tmp_path, 0, Event.FAULT_INTENDED, Event.RUN_FINISHED)
    healed = run(tmp_path, 1, Event.FAULT_INTENDED, Event.FAULT_VERIFIED, Event.RUN_FINISHED)
    run(tmp_path, 2, Event.RUN_FINISHED)
    pruned = prune(tmp_path, keep=1)
    assert (pruned.removed, pruned.kept) == ((healed,), (left,))
    assert left.exists()


def test_a_run_whose_process_lives_stays(tmp_path: Path) -> None:
    """Recovery has to end it, and knows of it from there alone."""
    alive = run(tmp_path, 0, Event.RUN_FINISHED)
    dead = run(tmp_path, 1, Event.RUN_FINISHED)
    run(tmp_path, 2, Event.RUN_FINISHED)
    for folder, began_s in ((alive, created_s(os.getpid())), (dead, 1.0)):
        history = History(folder, "worker", start_s=0.0)
        history.append(Event.PROCESS_STARTED, {**identity("worker", os.getpid()), "created_s": began_s})
        history.close()
    pruned = prune(tmp_path, keep=1)
    assert (pruned.removed, pruned.kept) == ((dead,), (alive,))


def test_a_run_that_goes_on_stays(tmp_path: Path) -> None:
    """While the system's lock is held, whatever has no end in its history may be the run that holds it."""
    going = run(tmp_path, 0, Event.RUN_STARTED)
    ended = run(tmp_path, 1, Event.RUN_STARTED, Event.RUN_FINISHED)
    run(tmp_path, 2, Event.RUN_FINISHED)
    with lock(tmp_path, system="shop", target="local"):
        assert prune(tmp_path, keep=1).removed == (ended,)
        assert going.exists()
    assert prune(tmp_path, keep=1).removed == (going,)


def plain(out: Path, number: int, *events: tuple[Event, dict[str, JsonValue]]) -> Path:
    """Make the folder of a plain Chaos Toolkit run with one action and one rollback."""
    step = Step("break it", "action", "process")
    plan = ForeignPlan("small", "x", "x", (), None, "default", (), (step,), (replace(step, name="mend it"),))
    folder = out / f"20260101-0000{number:02}-small"
    folder.mkdir(parents=True)
    (folder / PLAN).write_text(plan.to_json(), encoding="utf-8")
    describe(folder, SOURCES, start_s=0.0, parts={})
    history = History(folder, "supervisor", start_s=0.0)
    for event, data in events:
        history.append(event, data)
    history.close()
    return folder


def test_a_plain_run_with_an_unplayed_rollback_stays(tmp_path: Path) -> None:
    """What it did stands in its rollbacks."""
    begun: dict[str, JsonValue] = {"section": "method", "kind": "action", "name": "break it"}
    played: dict[str, JsonValue] = {"section": "rollbacks", "kind": "action", "name": "mend it", "status": "succeeded"}
    left = plain(tmp_path, 0, (Event.ACTIVITY_STARTED, begun), (Event.RUN_FINISHED, {}))
    mended = plain(
        tmp_path, 1, (Event.ACTIVITY_STARTED, begun), (Event.ACTIVITY_ENDED, played), (Event.RUN_FINISHED, {})
    )
    plain(tmp_path, 2, (Event.RUN_FINISHED, {}))
    pruned = prune(tmp_path, keep=1)
    assert (pruned.removed, pruned.kept) == ((mended,), (left,))


def test_what_is_no_run_of_ours_stays(tmp_path: Path) -> None:
    """A name, a plan or a link alone make no run."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    foreign = run(elsewhere, 0, Event.RUN_FINISHED)
    out = tmp_path / "runs"
    newest = runs(out, 2)[1]
    (out / "20250101-000000-small").symlink_to(foreign)
    (out / "20250101-000001-small").mkdir()
    (out / "20250101-000001-small" / "plan.json").write_text("{}", encoding="utf-8")
    run(out, 30, Event.RUN_FINISHED).rename(out / "my-copy-of-a-run")
    run(out, 31, Event.RUN_FINISHED).rename(out / "20250101-000002-large")
    unplanned = run(out, 32, Event.RUN_FINISHED).rename(out / "20250101-000003-small")
    (unplanned / "plan.json").unlink()
    linked = run(out, 33, Event.RUN_FINISHED).rename(out / "20250101-000004-small")
    (linked / "plan.json").unlink()
    (linked / "plan.json").symlink_to(newest / "plan.json")
    nested = out / "2025"
    nested.mkdir()
    run(nested, 0, Event.RUN_FINISHED)
    (out / "notes.md").write_text("mine\n", encoding="utf-8")
    point(out, newest.name)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    removed = prune(out, keep=1).removed
    assert [folder.name for folder in removed] == ["20260101-000000-small"]
    after = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    gone = {path for path in before if path not in after}
    assert all(path.parts[:2] == ("runs", "20260101-000000-small") for path in gone)


def test_what_a_run_links_to_stays(tmp_path: Path) -> None:
    """Only the link goes."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine\n", encoding="utf-8")
    old = runs(tmp_path / "runs", 2)[0]
    (old / "a-link").symlink_to(kept)
    (old / "logs" / "another").symlink_to(kept)
    assert prune(tmp_path / "runs", keep=1).removed == (old,)
    assert (kept / "file").read_text(encoding="utf-8") == "mine\n"


def test_a_removal_that_was_broken_off_is_taken_up_again(tmp_path: Path) -> None:
    """What makes a folder a run's goes last."""
    old = runs(tmp_path, 2)[0]
    for path in (old / "history").iterdir():
        path.unlink()
    assert prune(tmp_path, keep=1).removed == (old,)
    assert not old.exists()
