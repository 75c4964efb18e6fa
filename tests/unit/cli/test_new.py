"""``gameday new`` writes a file that is valid, short, and never in the way of another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.experiment.draft import example, routes_of
from gameday.experiment.loading.finding import experiment_folders, find_experiments
from gameday.faults import catalogue
from samples import shop
from unit.experiment.small_files import SYSTEM, TOKEN

MOST_LINES = 40
ON_KIND = {"drain", "scale"}
FOREIGN = {"activity", "monkey"}
"""What somebody else's code does cannot be guessed, and a monkey's visits are drawn by a command of its own."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, and where no cluster can be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-cluster"))
    monkeypatch.setenv(TOKEN, "hunter2-hunter2")


@pytest.mark.parametrize("fault", sorted({*catalogue()} - FOREIGN))
def test_a_draft_of_every_fault_is_valid_and_short(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever faults there are; its plan can be shown as it stands."""
    assert main(["new", "mine", "--fault", fault]) == Exit.PASSED, capsys.readouterr().err
    text = Path("experiments/mine.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert main(["validate", "mine"]) == Exit.PASSED
    where = [] if fault not in ON_KIND else ["--target", "kind"]
    assert main(["plan", "mine", *where]) == Exit.PASSED
    assert fault in capsys.readouterr().out


@pytest.mark.parametrize("route", routes_of(shop()))
def test_a_draft_about_every_route_is_valid(route: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The fault hits something that the route depends on, and the route is loaded."""
    assert main(["new", "mine", "--route", route]) == Exit.PASSED, capsys.readouterr().err
    call = example(catalogue()["latency"], shop(), route)
    assert call is not None
    assert set(call.services) & {*shop().routes[route].hard, *shop().routes[route].soft}
    assert f"{{{route}: 60/s" in Path("experiments/mine.yaml").read_text(encoding="utf-8")


def test_a_system_of_ones_own_gets_a_draft_too(capsys: pytest.CaptureFixture[str]) -> None:
    """It is found beside the caller, as for every other command."""
    Path("experiments/systems").mkdir(parents=True)
    Path("experiments/systems/tiny.yaml").write_text(SYSTEM, encoding="utf-8")
    assert main(["new", "mine", "--system", "tiny"]) == Exit.PASSED, capsys.readouterr().err
    assert "system: tiny" in Path("experiments/mine.yaml").read_text(encoding="utf-8")


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even by the same command again, nor through a link that leads nowhere."""
    path = Path("experiments/mine.yaml")
    assert main(["new", "mine"]) == Exit.PASSED
    path.write_text("changed", encoding="utf-8")
    assert main(["new", "mine", "--fault", "none"]) == Exit.USAGE
    assert path.read_text(encoding="utf-8") == "changed"
    assert "is there already" in capsys.readouterr().err
    Path("experiments/link.yaml").symlink_to("elsewhere.yaml")
    assert main(["new", "link"]) == Exit.USAGE
    assert not Path("experiments/elsewhere.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Bad Name"], "small letters, digits and hyphens"),
        (["../up"], "small letters, digits and hyphens"),
        (["mine", "--fault", "latencey"], 'did you mean "latency"?'),
        (["mine", "--system", "shopp"], 'did you mean "shop"?'),
        (["mine", "--route", "chekout"], 'did you mean "checkout"?'),
        (["mine", "--route", "pulse"], "has no route pulse"),
        (["mine", "--fault", "activity"], "nothing to which activity could be done"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The value seen and what would be valid, as everywhere."""
    assert main(["new", *arguments]) == Exit.USAGE
    assert says in capsys.readouterr().err
    assert list(tmp_path.rglob("*.yaml")) == []


def test_an_experiment_that_ships_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """A file of its name would be the one that is run under it from then on."""
    assert main(["new", "cache-stampede"]) == Exit.USAGE
    assert "ships with gameday" in capsys.readouterr().err
    assert not Path("experiments").exists()


def test_a_file_where_the_folder_should_be_is_told_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    """The experiment itself is not there already."""
    Path("experiments").touch()
    assert main(["new", "mine"]) == Exit.USAGE
    shown = capsys.readouterr().err
    assert "experiments is no folder" in shown
    assert "already" not in shown


def test_a_route_that_the_fault_does_not_touch_must_not_notice_it() -> None:
    """It is not asked how well it fails."""
    assert main(["new", "mine", "--fault", "empty-cache", "--route", "login"]) == Exit.PASSED
    text = Path("experiments/mine.yaml").read_text(encoding="utf-8")
    assert "isolated: [login, checkout]" in text
    assert "backpressure" not in text


def test_a_draft_that_does_not_fit_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Here the system has a mistake that only an experiment shows: a secret that is not set."""
    Path("experiments/systems").mkdir(parents=True)
    Path("experiments/systems/tiny.yaml").write_text(SYSTEM.replace(TOKEN, "GAMEDAY_TEST_UNSET"), encoding="utf-8")
    assert main(["new", "mine", "--system", "tiny"]) == Exit.USAGE
    assert "GAMEDAY_TEST_UNSET" in capsys.readouterr().err
    assert "mine" not in find_experiments(experiment_folders(Path()))


def test_it_asks_nothing(tmp_path: Path) -> None:
    """A script whose input never ends gets its file all the same."""
    with subprocess.Popen(
        [sys.executable, "-m", "gameday.cli", "new", "mine"], cwd=tmp_path, stdin=subprocess.PIPE
    ) as process:
        assert process.wait(60) == 0
    assert (tmp_path / "experiments" / "mine.yaml").exists()
