"""A Chaos Toolkit experiment with one mistake is refused before anything of it runs, by the key and the line of the mistake."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.runner.foreign.controls import questions
from gameday.runner.foreign.inspection import mistakes
from unit.cli.plain_files import ENVIRONMENT, MODULES, SOUND
from unit.cli.plain_mistakes import MISTAKES, Row


def test_the_sound_ones_ask_nobody() -> None:
    """What inspects them is imported here once, and not again in the process of each inspection."""
    assert [*questions({})] == []


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SHOP_OFTEN", raising=False)
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    yield
    assert not (tmp_path / "touched").exists(), "something of an experiment ran"


def written(row: Row, *, name: str = "") -> tuple[Path, int]:
    """Write a file with its mistake; return it with the number of the line that must be named."""
    sound = SOUND[row.base]
    assert sound.count(row.old) >= 1, row
    text = sound.replace(row.old, row.new, 1)
    path = Path(f"{name}{row.base}")
    path.write_text(text, encoding="utf-8")
    return path, text.count("\n", 0, text.index(row.line)) + 1


@pytest.mark.parametrize("name", SOUND)
def test_the_sound_ones_are_valid(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys of one's own, anchors, merge keys and tabs are Chaos Toolkit's affair."""
    Path(name).write_text(SOUND[name], encoding="utf-8")
    assert main(["validate", name]) == Exit.PASSED, capsys.readouterr().err


def test_there_are_a_hundred_mistakes_and_each_only_once() -> None:
    """So many, of all files, and no two alike."""
    assert len({dataclasses.astuple(row)[:3] for row in MISTAKES}) == len(MISTAKES) >= 100
    assert {row.base for row in MISTAKES} == SOUND.keys()


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: f"{row.base}: {' '.join(row.new.split())[:40]}|{row.key}")
def test_a_run_with_a_mistake_does_not_begin(row: Row, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One error, with file, line and key; no folder of runs, no process, no file that was not there."""
    path, line = written(row)
    before = sorted(tmp_path.iterdir())
    assert main(["run", str(path), "--out", "runs"]) == Exit.USAGE
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert re.findall(r"^ *where: (.*)$", err, re.MULTILINE) == [f"{path}:{line}  {row.key}"], err
    assert row.told in err
    assert [each for each in sorted(tmp_path.iterdir()) if each.name != "__pycache__"] == before
    assert psutil.Process().children() == []


def test_all_of_them_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The mistakes of many files, each by its file and line."""
    wanted = []
    for number, row in enumerate(MISTAKES):
        path, line = written(row, name=f"{number}-")
        wanted.append(f"{path}:{line}  {row.key}")
    names = [each.split(":")[0] for each in wanted]
    assert main(["validate", *names]) == Exit.USAGE
    err = capsys.readouterr().err
    assert sorted(re.findall(r"^ *where: (.*)$", err, re.MULTILINE)) == sorted(wanted)


JUNK: tuple[object, ...] = (None, 0, -1, 0.5, True, "", "junk", [], {}, [None], {"type": "junk"})
LOST = object()


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - any value of a file
    """Yield the place of everything within a value."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(each, (*path, key))


def spoilt(value: Any, path: tuple[str | int, ...], junk: object) -> Any:  # noqa: ANN401 - same
    """Return a copy in which something stands in a place that does not belong there, or nothing at all."""
    copy = deepcopy(value)
    holder = reduce(lambda inner, key: inner[key], path[:-1], copy)
    if junk is LOST:
        del holder[path[-1]]
    else:
        holder[path[-1]] = junk
    return copy


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Chaos Toolkit's own, of what experiments may still write
@pytest.mark.parametrize("name", SOUND)
def test_whatever_chaos_toolkit_refuses_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own validation is asked about every key of every file, with nothing or odd values in its place, two of them in turn."""
    monkeypatch.syspath_prepend(str(tmp_path))
    value = yaml.safe_load(SOUND[name].replace("\t", " "))
    assert [*mistakes(value)] == []
    wrong = []
    for number, path in enumerate(places(value)):
        for junk in (JUNK[number % len(JUNK)], JUNK[(number + 5) % len(JUNK)], LOST):
            experiment = spoilt(value, path, junk)
            found = [*mistakes(experiment)]
            if refused(experiment) and not found:
                wrong.append((path, junk))
            assert all(flaw.message and flaw.valid for flaw in found)
    assert wrong == []


def refused(experiment: dict[str, Any]) -> bool:
    """Return whether Chaos Toolkit's own validation refuses an experiment, in whatever way."""
    try:
        ensure_experiment_is_valid(deepcopy(experiment))
    except Exception:  # noqa: BLE001 - it raises TypeError and others for some shapes
        return True
    return False
