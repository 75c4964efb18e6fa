"""Plain Chaos Toolkit experiments end under gameday as under chaoslib, and their rollbacks are always played."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from system.chaostoolkit.server import serving
from system.running import run

pytestmark = pytest.mark.system
HERE = Path(__file__).parent
TOKEN = "let-me-in-please"  # noqa: S105 - it is made up here


@dataclass(frozen=True)
class Expected:
    """What comes of an experiment: gameday's exit code, what decided it, and whether chaoslib plays the rollbacks by itself."""

    code: int
    decided_by: str | None
    rolls_back: bool = True


EXPERIMENTS = {
    "tolerances-http.json": Expected(0, None),
    "tolerances-python.yaml": Expected(3, "gate.fault-proven"),
    "configuration.yaml": Expected(3, "gate.fault-proven"),
    "secrets.yaml": Expected(3, "gate.activities"),
    "controls.yaml": Expected(0, None),
    "background.yaml": Expected(3, "gate.fault-proven"),
    "process.json": Expected(3, "gate.activities"),
    "baseline-off.yaml": Expected(3, "gate.baseline"),
    "probe-fails.yaml": Expected(3, "gate.probes", rolls_back=False),
    "deviates.yaml": Expected(1, "hypothesis.1.after"),
    "continuous.yaml": Expected(1, "hypothesis.1.during"),
    "interrupted.yaml": Expected(3, "gate.complete", rolls_back=False),
}


def plainly(path: Path, url: str) -> dict[str, Any]:
    """Run an experiment with chaoslib alone and return its journal."""
    done = subprocess.run(
        [sys.executable, str(HERE / "plainly.py"), str(path)],
        capture_output=True,
        check=True,
        env={**os.environ, "SHOP_URL": url, "SHOP_TOKEN": TOKEN},
        timeout=60,
    )
    return dict(json.loads(done.stdout))


def outcome(journal: dict[str, Any]) -> dict[str, object]:
    """Return what both must agree on."""
    states = journal["steady_states"]
    return {
        "status": journal["status"],
        "deviated": journal["deviated"],
        "run": [(each["activity"]["name"], each.get("status")) for each in journal["run"]],
        "before": state(states["before"]),
        "after": state(states["after"]),
        "during": any(not each["steady_state_met"] for each in states["during"]),
        "seen": list(journal.get("seen", ())),
    }


def state(found: dict[str, Any] | None) -> object:
    """Return what one evaluation of the hypothesis found."""
    if found is None:
        return None
    probes = [(each["activity"]["name"], each["status"], each["tolerance_met"]) for each in found["probes"]]
    return found["steady_state_met"], probes


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_plain_experiment_ends_as_under_chaoslib(name: str, tmp_path: Path) -> None:
    """The same status and activities; rollbacks played where the default skips them; a verdict of gameday's."""
    path, expected = HERE / "experiments" / name, EXPERIMENTS[name]
    with serving() as shop:
        theirs = plainly(path, shop.url)
    with serving() as shop:
        running = run(tmp_path, str(path), environment={"SHOP_URL": shop.url, "SHOP_TOKEN": TOKEN})
        assert shop.open, "the rollbacks open it again"
    ours = json.loads((running.folder / "journal.json").read_text(encoding="utf-8"))
    report = json.loads((running.folder / "report.json").read_text(encoding="utf-8"))
    assert outcome(ours) == outcome(theirs)
    declared = theirs["experiment"].get("rollbacks", [])
    assert [each["activity"]["name"] for each in ours["rollbacks"]] == [each["name"] for each in declared]
    assert bool(theirs["rollbacks"]) == (expected.rolls_back and bool(declared))
    assert (running.code(), report["decided_by"]) == (expected.code, expected.decided_by), running.printed()
    assert running.left() == []


@pytest.mark.skipif(find_spec("jsonpath2") is None, reason="the package jsonpath2 is not installed")
def test_a_json_path_is_a_tolerance_as_under_chaoslib(tmp_path: Path) -> None:
    """It needs a package that chaoslib itself leaves out: without it, chaoslib refuses the experiment."""
    value = {
        "title": "How much is there?",
        "description": "Made up by a test.",
        "configuration": {"url": {"type": "env", "key": "SHOP_URL"}},
        "steady-state-hypothesis": {
            "title": "There is stock",
            "probes": [
                {
                    "type": "probe",
                    "name": "seven",
                    "tolerance": {"type": "jsonpath", "path": "$.count", "expect": [7], "target": "body"},
                    "provider": {"type": "http", "url": "${url}/stock", "timeout": 3},
                }
            ],
        },
        "method": [],
    }
    path = tmp_path / "jsonpath.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with serving() as shop:
        theirs = plainly(path, shop.url)
        running = run(tmp_path / "runs", str(path), environment={"SHOP_URL": shop.url})
    assert theirs["steady_states"]["after"]["steady_state_met"] is True
    assert outcome(json.loads((running.folder / "journal.json").read_text(encoding="utf-8"))) == outcome(theirs)
    assert running.code() == 3, "the method is empty"
    assert "method is empty" in running.printed()


def test_no_secret_reaches_the_runs_folder_though_chaoslib_writes_it_into_the_journal(tmp_path: Path) -> None:
    """Secrets of the file and of the environment, in arguments, outputs, errors and dynamic values."""
    hidden = (TOKEN, "spare-key-under-the-mat")
    path = HERE / "experiments" / "secrets.yaml"
    with serving() as shop:
        theirs = json.dumps(plainly(path, shop.url))
    with serving() as shop:
        running = run(tmp_path, str(path), environment={"SHOP_URL": shop.url, "SHOP_TOKEN": TOKEN})
        assert TOKEN in shop.tokens, "the action used it"
    assert all(secret in theirs for secret in hidden)
    files = [path for path in running.folder.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert [path for path in files for secret in hidden if secret.encode() in path.read_bytes()] == []
    copy = (running.folder / "experiment.yaml").read_text(encoding="utf-8")
    assert "{type: env, key: SHOP_TOKEN}" in copy, "names of variables are no secrets"
