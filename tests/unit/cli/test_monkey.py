"""What the monkey is asked for and cannot do is told as a flag, with a command that works."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.cli.parser import parse
from gameday.experiment.monkey import visits
from gameday.experiment.units import duration_s


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder: the shop is the one that ships."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAMEDAY_PROGRAM", raising=False)


def test_a_wrong_variant_leads_to_the_same_monkey(capsys: pytest.CaptureFixture[str]) -> None:
    """All that was typed and is right is kept, and can be read again."""
    assert main(["monkey", "--variant", "x", "--out", "o", "--services", "web", "--seed", "7"]) == Exit.USAGE
    then = shlex.split(capsys.readouterr().err.splitlines()[-1].strip().removeprefix("next: "))
    args = parse(then[1:])
    assert then[1] == "monkey"
    assert (args.variant, args.out, args.services, args.seed) == ("naive", Path("o"), "web", 7)


@pytest.mark.parametrize("lasting", ["100h", "61m"])
def test_a_monkey_longer_than_a_phase_may_last_is_refused_by_its_flag(
    lasting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not by the size of a file that nobody wrote and that is gone."""
    assert main(["monkey", "--for", lasting]) == Exit.USAGE
    told = capsys.readouterr().err
    assert told.startswith(f"error: --for cannot be taken\n  seen: {lasting}\n  valid: at most 3600s")
    assert "where" not in told


def test_what_the_flags_make_too_large_together_names_no_file_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of them alone is fine."""
    assert main(["monkey", "--for", "1h", "--load", "login=1000/s"]) == Exit.USAGE
    told = capsys.readouterr().err
    assert "the load is too large" in told
    assert "/gameday-monkey-" not in told
    assert told.endswith("  next: gameday monkey --help\n")


def test_the_usual_monkey_comes_several_times() -> None:
    """At least three times for nine seeds of ten."""
    args = parse(["monkey"])
    for_s, every_s = duration_s(args.lasting), duration_s(args.every)
    counts = [len(visits(for_s=for_s, every_s=every_s, seed=seed)) for seed in range(200)]
    assert sum(count >= 3 for count in counts) >= 180
