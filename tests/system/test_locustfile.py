"""A person's own locustfile as the load of a whole run on the demo shop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.record.folder import read_run
from gameday.record.requests import Outcome
from system.running import run, run_until_decided
from system.variations import short_experiment

pytestmark = pytest.mark.system

EXPERIMENT = Path(__file__).parent / "experiments" / "locustfile.yaml"


@pytest.mark.parametrize(("variant", "verdict", "code"), [("hardened", "pass", 0), ("naive", "fail", 1)])
def test_a_locustfile_s_run_is_judged_by_what_a_closed_load_can_show(
    tmp_path: Path, variant: str, verdict: str, code: int
) -> None:
    """Several classes, a shape, tags, checks of answers and names of its own; every request that the shop counted is a row."""
    running = run_until_decided(tmp_path, str(EXPERIMENT), "--variant", variant, wanted=verdict)
    assert running.code() == code, running.printed()
    folder = running.folder
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"] == verdict
    assert report["run"]["load"] == "closed"
    gates = {gate["id"]: gate["status"] for gate in report["gates"]}
    assert gates.pop("gate.on-time") in {"pass", "fail"}, (
        "how busy this machine is besides decides no check of this run"
    )
    assert {id_ for id_, status in gates.items() if status == "shown"} == {"gate.delivered", "gate.rows"}
    assert set(gates.values()) == {"pass", "shown"}
    assert "sent, closed: ../load/locustfiles/shop.py" in (folder / "report.md").read_text(encoding="utf-8")
    data = read_run(folder)
    assert data.names == {}, "each of its requests stands for a route"
    for load in data.plan.routes:
        mine = data.rows[data.rows["route"] == load.index]
        assert bool(len(mine)) is (load.route != "image")
        assert Outcome.CONNECTION not in mine["outcome"]
    assert "the shop is at http://127.0.0.1:" in (folder / "logs" / "locust.log").read_text(encoding="utf-8")
    assert (folder / "locustfile.py").is_file()
    assert running.left() == []


def test_a_locustfile_that_locust_cannot_import_is_told_before_anything_is_started(tmp_path: Path) -> None:
    """Exit code 2, Locust's own words, and no run."""
    path = short_experiment(tmp_path / "files", load={"locustfile": "shop.py", "users": 3, "spawn-rate": "10/s"})
    text = "from locust import HttpUser\n\nimport nobody_wrote_this\n"
    (path.parent / "shop.py").write_text(text, encoding="utf-8")
    running = run(tmp_path / "runs", str(path))
    assert running.code() == 2, running.printed()
    told = running.printed()
    assert 'shop.py", line 3, in <module>' in told
    assert "ModuleNotFoundError: No module named 'nobody_wrote_this'" in told
    assert "nothing was started" in told
    assert not (tmp_path / "runs" / "latest").exists()
    assert running.left() == []
