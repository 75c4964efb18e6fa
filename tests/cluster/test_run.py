"""Whole runs in the cluster, by the real command: the same verdicts as locally, one at a time, and nothing is left."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from cluster.standing import CONTEXT, Stands, narrowed
from drawing import SEPARATING
from gameday.cli.exits import Exit
from gameday.record.history import Event, outstanding, read_history
from gameday.targets.kubernetes import lease
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.residue import look
from gameday.targets.kubernetes.site import site_of
from system.running import Running, all_gone, run, run_until_decided, start
from system.variations import SHORT, short_experiment

pytestmark = pytest.mark.cluster
KIND = ("--target", "kind")
VERDICTS = {"naive": "fail", "hardened": "pass"}
WHOLE = pytest.mark.drawn(4)
"""Of a whole experiment, which takes a minute and is repeated where a busy machine leaves it undecided."""
END_S = 90.0
"""A run that was ended early has to undo its fault, and to switch the demo back."""

ENTRIES: dict[str, dict[str, JsonValue]] = {
    "surge": {"surge": {"route": "image", "rate": "2/s"}},
    "activity": {
        "type": "action",
        "name": "say yes",
        "provider": {"type": "process", "path": "sh", "arguments": ["-c", "echo yes"]},
        "services": ["cache"],
        "proof": {"tolerance": [0], "provider": {"type": "process", "path": "true"}},
        "rollbacks": [{"provider": {"type": "process", "path": "true"}}],
    },
}
"""What the load or a person's own command does; every other fault is in ``test_faults.py``."""
LONG_ENOUGH: JsonValue = {"warmup": "1s", "baseline": "2s", "fault": "8s", "recovery": "2s", "guard": "500ms"}
"""A surge of two a second has arrivals enough to be proven."""


def is_clean(running: Running, stands: Stands) -> bool:
    """Tell whether nothing of a run is left: no process here, no fault in its records, and in the cluster nothing at all."""
    site = site_of(stands.system, run="nobody")
    api = open_api(site.context)
    assert look(api, site).sentences() == ()
    assert lease.read(api, site.namespace) is None
    return all_gone(running.mark) and not outstanding(read_history(running.folder))


def read_report(running: Running) -> dict[str, Any]:
    """Read what a run's report says."""
    return dict(json.loads((running.folder / "report.json").read_text(encoding="utf-8")))


def begin(out: Path, *arguments: str, experiment: Path = SHORT) -> Running:
    """Start the short experiment in the cluster, or another one."""
    return start(out, "run", str(experiment), *KIND, "--out", str(out), *arguments)


@WHOLE
def test_without_a_fault_it_passes(tmp_path: Path, stands: Stands) -> None:
    """Measuring by itself fails nothing, with the rights for that alone, and it is said what the look for residue found: nothing."""
    with narrowed(stands, "none", "demo"):
        running = run_until_decided(tmp_path, "none", *KIND, wanted="pass")
    assert running.code() == Exit.PASSED, running.printed()
    assert is_clean(running, stands)
    checked = next(record for record in running.history() if record.event == Event.RESIDUE_CHECKED)
    assert checked.data["left"] == []
    assert str(checked.data["summary"]) in running.printed()


@pytest.mark.parametrize(("use", "entry"), ENTRIES.items(), ids=ENTRIES)
def test_what_acts_from_here_runs_with_its_own_rights_alone(
    use: str, entry: dict[str, JsonValue], tmp_path: Path, stands: Stands
) -> None:
    """It is done, shown and undone, under the policy; how it is judged is not asked of so short a run."""
    path = short_experiment(tmp_path / "mine", method=[entry], phases=LONG_ENOUGH)
    with narrowed(stands, use, "demo"):
        running = begin(tmp_path / "runs", experiment=path)
        assert running.code() in {Exit.PASSED, Exit.FAILED, Exit.INCONCLUSIVE}, running.printed()
    met = {record.event for record in running.history()}
    assert {Event.FAULT_INJECTED, Event.FAULT_CONFIRMED, Event.FAULT_VERIFIED} <= met, running.printed()
    assert Event.FAULT_INERT not in met
    assert is_clean(running, stands)


@WHOLE
@pytest.mark.parametrize("variant", VERDICTS)
@pytest.mark.parametrize("separating", [*SEPARATING, "lose-a-node"])
def test_an_experiment_separates_the_variants_as_it_does_locally(
    tmp_path: Path, stands: Stands, separating: str, variant: str
) -> None:
    """Naive fails on the check that the experiment names, hardened passes; afterwards the shop is on the variant that it had."""
    running = run_until_decided(tmp_path, separating, *KIND, "--variant", variant, wanted=VERDICTS[variant])
    report = read_report(running)
    assert running.code() == {"naive": Exit.FAILED, "hardened": Exit.PASSED}[variant], running.printed()
    assert report["decided_by"] == {"naive": report["run"]["decides"], "hardened": None}[variant]
    assert is_clean(running, stands)


def test_a_second_run_is_refused_and_leaves_the_first_alone(tmp_path: Path, stands: Stands) -> None:
    """From another folder of runs too, as from another machine; the first one ends clean on Ctrl-C."""
    first = begin(tmp_path / "first")
    first.wait_for(Event.LOAD_ORIGIN, within_s=90)
    second = begin(tmp_path / "second")
    assert second.code() == Exit.REFUSED
    assert "holds shop in the cluster" in second.printed()
    assert not (tmp_path / "second" / "latest").exists()
    first.wait_for(Event.FAULT_INJECTED)
    first.process.send_signal(signal.SIGINT)
    assert first.code(within_s=END_S) == Exit.INTERRUPTED, first.printed()
    assert is_clean(first, stands)


def test_a_cluster_that_does_not_answer_is_told_before_anything_is_made(tmp_path: Path, stands: Stands) -> None:
    """With where it was looked for, and the next command."""
    kubeconfig = tmp_path / "kubeconfig"
    text = stands.account.read_text(encoding="utf-8")
    kubeconfig.write_text(re.sub(r"https://[^\s\"]+", "https://127.0.0.1:9", text), encoding="utf-8")
    running = run(tmp_path / "runs", "none", *KIND, environment={"KUBECONFIG": str(kubeconfig)})
    assert running.code() == Exit.USAGE
    assert "127.0.0.1:9" in running.printed()
    assert "doctor --target kind" in running.printed()
    assert not (tmp_path / "runs" / "latest").exists()


def test_a_context_that_is_not_kind_s_is_refused_until_somebody_allows_it_by_name(
    tmp_path: Path, stands: Stands
) -> None:
    """Whatever is behind it; the flag allows one name only."""
    other = stands.account.read_text(encoding="utf-8").replace(CONTEXT, "production")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(other, encoding="utf-8")
    declared = stands.system.targets.model_dump(mode="json")
    path = short_experiment(
        tmp_path / "mine", system={"targets": {"kind": declared["kind"] | {"context": "production"}}}
    )
    environment = {"KUBECONFIG": str(kubeconfig)}
    refused = run(tmp_path / "runs", str(path), *KIND, environment=environment)
    assert refused.code() == Exit.REFUSED
    assert "--allow-context production" in refused.printed()
    wrong = run(tmp_path / "wrong", str(path), *KIND, "--allow-context", "staging", environment=environment)
    assert wrong.code() == Exit.REFUSED
    allowed = start(
        tmp_path / "allowed",
        *("run", str(path), *KIND, "--out", str(tmp_path / "allowed"), "--allow-context", "production"),
        environment=environment,
    )
    allowed.wait_for(Event.SYSTEM_READY)
    allowed.process.send_signal(signal.SIGINT)
    assert allowed.code(within_s=END_S) == Exit.INTERRUPTED, allowed.printed()
