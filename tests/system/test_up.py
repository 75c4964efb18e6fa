"""A system that is up serves runs and people, outlives both, and is gone when it is ended, killed or forgotten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gameday.record.history import Event, outstanding, read_history
from gameday.targets.connect import connect
from gameday.targets.local.standing import Standing, standing
from samples import shop
from system.running import MARK, Running, all_gone, kill, marked, start, wait_until
from system.variations import SHORT, short_experiment

pytestmark = pytest.mark.system


def gameday(out: Path, *arguments: str, within_s: float = 60.0) -> Running:
    """Run a command on the runs in a folder to its end; its output is beside them."""
    running = start(out, *arguments, "--out", str(out))
    running.code(within_s=within_s)
    return running


def gameday_until_decided(out: Path, *arguments: str, within_s: float = 120.0) -> Running:
    """Run an experiment on what is up to its end; once more where a busy machine left it undecided."""
    running = gameday(out, "run", *arguments, within_s=within_s)
    return gameday(out, "run", *arguments, within_s=within_s) if running.code() == 3 else running


@pytest.fixture
def up(tmp_path: Path) -> Running:
    """Bring the shop up; end it after the test, however that ended."""
    return gameday(tmp_path, "up")


@pytest.fixture(autouse=True)
def _down(tmp_path: Path) -> Iterator[None]:
    """Leave nothing up, however a test ended."""
    yield
    found = standing(tmp_path, "shop")
    if found:
        os.kill(found.pid, signal.SIGTERM)
        wait_until(lambda: standing(tmp_path, "shop") is None, within_s=20, what="the end of what a test left up")


def what_is_up(out: Path) -> Standing:
    """Return what is up."""
    found = standing(out, "shop")
    assert found is not None
    return found


def answers(found: Standing) -> int:
    """Ask for a product as a person would."""
    url = connect("local", found.address, shop()).url("web")
    with urllib.request.urlopen(f"{url}/product/1", timeout=10) as answer:  # noqa: S310 - it is http on this machine
        return int(answer.status)


def folder_of(found: Standing) -> Path:
    """Return the node's temporary folder."""
    return Path(found.address).parents[1]


def test_up_is_safe_to_repeat_and_down_ends_all_of_it(tmp_path: Path, up: Running) -> None:
    """The same processes, the same addresses; then nothing."""
    assert up.code() == 0, up.printed()
    first = what_is_up(tmp_path)
    assert answers(first) == 200
    assert "curl http://127.0.0.1:" in up.printed()
    again = gameday(tmp_path, "up")
    assert (again.code(), what_is_up(tmp_path)) == (0, first)
    assert "is up already" in again.printed()
    ended = gameday(tmp_path, "down")
    assert ended.code() == 0, ended.printed()
    assert all_gone(up.mark)
    assert not folder_of(first).exists()
    assert not first.folder.exists()
    assert gameday(tmp_path, "down").code() == 0


def test_another_variant_is_switched_to_where_it_stands(tmp_path: Path, up: Running) -> None:
    """The processes stay; only the mechanisms change."""
    assert up.code() == 0, up.printed()
    first = what_is_up(tmp_path)
    assert first.variant == "hardened"
    assert gameday(tmp_path, "up", "--variant", "naive").code() == 0
    assert (what_is_up(tmp_path).pid, what_is_up(tmp_path).variant) == (first.pid, "naive")
    assert gameday(tmp_path, "up").code() == 0
    assert what_is_up(tmp_path).variant == "naive"


def test_a_run_uses_what_is_up_and_leaves_it_as_it_was(tmp_path: Path, up: Running) -> None:
    """It starts no system, judges as always, and neither it nor recovery ends what was there before."""
    assert up.code() == 0, up.printed()
    first = what_is_up(tmp_path)
    before = set(marked(up.mark))
    running = gameday_until_decided(tmp_path, str(SHORT), "--variant", "naive")
    assert running.code() == 0, running.printed()
    joined = [record for record in running.history() if record.event == Event.SYSTEM_JOINED]
    assert [record.data["pid"] for record in joined] == [first.pid]
    assert json.loads((running.folder / "report.json").read_text(encoding="utf-8"))["verdict"] == "pass"
    assert running.left() == []
    assert gameday(tmp_path, "recover").code() == 0
    assert set(marked(up.mark)) == before
    assert what_is_up(tmp_path) == first
    assert answers(first) == 200
    page = connect("local", first.address, shop()).metrics()["web"]
    assert 'pool_limit{pool="outbound"}' not in page, "web is on the variant that it was brought up with"


def test_a_run_from_another_system_file_is_refused(tmp_path: Path, up: Running) -> None:
    """What is up is not what the file says, and nothing is started beside it."""
    assert up.code() == 0, up.printed()
    experiment = short_experiment(
        tmp_path / "files", system={"targets": {"local": {"demo": "shop", "bypass": {"web -> payments": "50%"}}}}
    )
    running = gameday(tmp_path, "run", str(experiment))
    assert running.code() == 5, running.printed()
    assert "gameday down shop --out" in running.printed()
    assert list(tmp_path.glob("*/plan.json")) == []


def test_up_and_down_keep_away_from_a_run(tmp_path: Path, up: Running) -> None:
    """They are refused, exit 5, and the run goes on."""
    assert up.code() == 0, up.printed()
    running = start(tmp_path, "run", str(SHORT), "--out", str(tmp_path))
    running.wait_for(Event.SYSTEM_JOINED)
    assert gameday(tmp_path, "down").code() == 5
    assert gameday(tmp_path, "up", "--variant", "naive").code() == 5
    assert running.code() in {0, 3}, running.printed()  # a busy machine may leave it undecided
    assert what_is_up(tmp_path).variant == "hardened"
    assert answers(what_is_up(tmp_path)) == 200


def test_recovery_undoes_the_fault_of_a_killed_run_on_what_is_up(tmp_path: Path, up: Running) -> None:
    """The system outlives the run, so its end undoes nothing: the undo data does."""
    assert up.code() == 0, up.printed()
    running = start(tmp_path, "run", str(SHORT), "--out", str(tmp_path), "--variant", "naive")
    running.wait_for(Event.FAULT_INJECTED)
    for line in running.left():
        kill(int(line.split()[0]))
    running.code(within_s=10)
    assert all_gone(running.mark)
    assert outstanding(read_history(running.folder))
    recovered = gameday(tmp_path, "recover")
    assert recovered.code() == 0, recovered.printed()
    assert not outstanding(read_history(running.folder))
    target = connect("local", what_is_up(tmp_path).address, shop())
    assert target.edge("web -> recommendations").delay is None
    assert 'pool_limit{pool="outbound"}' not in target.metrics()["web"], "web is back on its variant"
    assert answers(what_is_up(tmp_path)) == 200


def test_a_killed_node_leaves_nothing_and_up_works_again(tmp_path: Path, up: Running) -> None:
    """Its children die with it; the next start removes its folder."""
    assert up.code() == 0, up.printed()
    first = what_is_up(tmp_path)
    kill(first.pid)
    assert all_gone(up.mark)
    assert standing(tmp_path, "shop") is None
    again = gameday(tmp_path, "up")
    assert again.code() == 0, again.printed()
    second = what_is_up(tmp_path)
    assert second.pid != first.pid
    assert answers(second) == 200
    assert not folder_of(first).exists()


def test_recovery_clears_up_after_a_killed_node(tmp_path: Path, up: Running) -> None:
    """State, logs and temporary folder go; a system that lives is left alone."""
    assert up.code() == 0, up.printed()
    first = what_is_up(tmp_path)
    assert gameday(tmp_path, "recover").code() == 0
    assert what_is_up(tmp_path) == first
    kill(first.pid)
    assert all_gone(up.mark)
    recovered = gameday(tmp_path, "recover")
    assert recovered.code() == 0
    assert "has died" in recovered.printed()
    assert not first.folder.exists()
    assert not folder_of(first).exists()


def test_a_system_whose_folder_of_runs_is_removed_ends(tmp_path: Path, up: Running) -> None:
    """Nobody could find it any more."""
    assert up.code() == 0, up.printed()
    first = what_is_up(tmp_path)
    shutil.rmtree(first.folder)
    assert all_gone(up.mark, within_s=15)
    assert not folder_of(first).exists()


def test_a_killed_up_leaves_nothing(tmp_path: Path) -> None:
    """Until the system is up it belongs to the command that starts it."""
    starting = start(tmp_path, "up", "--out", str(tmp_path))
    wait_until(lambda: any("postgres" in line for line in marked(starting.mark)), within_s=30, what="PostgreSQL")
    starting.process.kill()
    starting.code(within_s=10)
    assert all_gone(starting.mark, within_s=15)
    assert standing(tmp_path, "shop") is None


def test_a_closed_terminal_ends_no_system_that_is_up(tmp_path: Path, up: Running) -> None:
    """It belongs to no session but its own."""
    assert up.code() == 0, up.printed()
    node = psutil.Process(what_is_up(tmp_path).pid)
    assert os.getsid(node.pid) == node.pid
    assert node.terminal() is None
    assert node.environ()[MARK] == up.mark
