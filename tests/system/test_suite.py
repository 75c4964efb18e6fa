"""A suite on the local target: each experiment for itself, all of them in one summary."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from pydantic import JsonValue

from gameday.record.history import Event, outstanding, read_history
from gameday.runner.lock import lock
from system.running import all_gone, start
from system.variations import SHORT, short_experiment

pytestmark = pytest.mark.system

LONG = "x" * 245
"""A file may be called so, but not a run's folder, which has the time before it."""
UNDECIDED = {("inconclusive", 3), ("invalid", 3)}
"""What a busy machine may make of a run that would pass."""


def experiment(folder: Path, name: str) -> str:
    """Write a short experiment of a name into a folder of its own, and return its path."""
    return str(short_experiment(folder / name).rename(folder / name / f"{name}.yaml"))


def of_another_system(folder: Path, name: str, system: str) -> str:
    """Write a short experiment about a system that is the shop under another name."""
    path = Path(experiment(folder, name))
    path.write_text(path.read_text(encoding="utf-8").replace("system: shop", f"system: {system}"), encoding="utf-8")
    shop = path.parent / "systems" / "shop.yaml"
    text = shop.read_text(encoding="utf-8").replace("name: shop", f"name: {system}")
    shop.with_name(f"{system}.yaml").write_text(text, encoding="utf-8")
    return str(path)


def write(folder: Path, *experiments: JsonValue) -> str:
    """Write a suite and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "short.yaml"
    suite: JsonValue = {"title": "Short ones", "experiments": list(experiments)}
    path.write_text(yaml.safe_dump(suite), encoding="utf-8")
    return str(path)


def result(out: Path) -> dict[str, Any]:
    """Return what the newest suite has written."""
    found: dict[str, Any] = json.loads((out / "suites" / "latest" / "suite.json").read_text(encoding="utf-8"))
    return found


def test_what_one_experiment_comes_to_stops_no_other(tmp_path: Path) -> None:
    """One is refused, one comes out wrong, one has no folder, one passes; the next time is compared with this one."""
    files, out, later = tmp_path / "files", tmp_path / "out", tmp_path / "later"
    refused = of_another_system(files, "refused", "annex")
    failing: JsonValue = {"experiment": str(SHORT), "variant": "naive", "expect": "fail"}  # it passes
    suite = write(files, refused, failing, of_another_system(files, LONG, "other"), str(SHORT))
    with lock(out, system="annex", target="local"):
        running = start(out, "suite", suite, "--out", str(out))
        code = running.code()
    rows = result(out)["rows"]
    told = [(row["ended"] or row["verdict"], row["code"]) for row in rows]
    assert (told[0], told[2]) == (("refused", 5), ("error", 3)), running.printed()
    assert told[1] in {("pass", 1), *UNDECIDED}, running.printed()
    assert told[3] in {("pass", 0), *UNDECIDED}, running.printed()
    assert code == (1 if told[1][1] == 1 else 3), running.printed()
    assert "File name too long; nothing was started" in rows[2]["reason"]
    folder = out / "suites" / "latest"
    page = (folder / "summary.html").read_text(encoding="utf-8")
    for row in (rows[1], rows[3]):
        assert (folder.resolve() / row["run"] / "report.html").is_file()
        assert f"{row['run']}/report.html" in page
    cases = ET.parse(folder / "junit.xml").getroot().iter("testcase")  # noqa: S314 - gameday just made it
    of_code = {0: "passed", 1: "failure"}
    expected = [of_code.get(code, "error") for _, code in told]
    assert [next((child.tag for child in case), "passed") for case in cases] == expected
    wrong = "1 passed and should not have" if told[1][1] == 1 else told[1][0]
    assert "4 experiments: 1 refused, " in running.printed()
    assert "1 ended with an error" in running.printed()
    assert wrong in running.printed()
    assert all_gone(running.mark)

    write(files, str(SHORT))
    again = start(later, "suite", suite, "--out", str(later), "--against", str(out))
    assert again.code() in {0, 3}, again.printed()
    comparison = result(later)["comparison"]
    then, now = rows[3]["code"], result(later)["rows"][0]["code"]
    turns = {(0, 0): "as before", (0, 3): "newly failing", (3, 0): "newly passing", (3, 3): "still failing"}
    assert [each["turn"] for each in comparison["experiments"]] == [turns[then, now]]
    assert comparison["gone"] == ["refused (hardened)", "short-latency (naive)", f"{LONG} (hardened)"]


def test_an_interruption_ends_the_present_run_healed_and_is_still_summed_up(tmp_path: Path) -> None:
    """What was not run is told as not run."""
    running = start(
        tmp_path, "suite", write(tmp_path / "files", str(SHORT), experiment(tmp_path, "second")), "--out", str(tmp_path)
    )
    running.wait_for(Event.FAULT_INJECTED, within_s=120)
    running.process.send_signal(signal.SIGINT)
    assert running.code(within_s=30) == 130
    assert not outstanding(read_history(running.folder))
    written = result(tmp_path)
    assert written["interrupted"]
    assert [(row["ended"], row["code"]) for row in written["rows"]] == [("", 130), ("not run", 3)]
    assert "1 not run; interrupted" in running.printed()
    assert all_gone(running.mark)


def test_an_interruption_of_a_clean_up_leaves_that_row_as_measured_and_the_rest_not_run(tmp_path: Path) -> None:
    """The run was complete, so its row has the code of its verdict; the suite has that of an interruption."""
    running = start(
        tmp_path, "suite", write(tmp_path / "files", str(SHORT), experiment(tmp_path, "second")), "--out", str(tmp_path)
    )
    running.wait_for(Event.LOAD_DONE, within_s=120)
    running.process.send_signal(signal.SIGINT)
    assert running.code(within_s=30) == 130, running.printed()
    first, second = result(tmp_path)["rows"]
    assert (first["verdict"], first["code"]) in {("pass", 0), *UNDECIDED}, running.printed()
    assert (second["ended"], second["code"]) == ("not run", 3)
    assert "1 not run; interrupted" in running.printed()
    assert all_gone(running.mark)


def test_a_folder_without_an_earlier_result_is_told_and_one_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """A first night has nothing to compare with; a misspelt folder must not look like one."""
    suite = write(tmp_path / "files", str(SHORT))
    missing = start(tmp_path, "suite", suite, "--out", str(tmp_path), "--against", str(tmp_path / "nowhere"))
    assert missing.code() == 2
    assert "there is no folder to compare with" in missing.printed()
    assert not (tmp_path / "suites").exists()
