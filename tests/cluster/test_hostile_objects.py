"""Objects in a shared cluster that somebody else has written, to have gameday do what they may not, or stop it: each is told, none is obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from cluster.standing import NAMESPACE, Stands, kubectl
from cluster.test_recover import recover
from gameday.cli.exits import Exit
from gameday.targets.kubernetes.site import site_of
from gameday.targets.kubernetes.target import KubernetesTarget

pytestmark = pytest.mark.cluster

UNDO = "gameday.dev/undo"
BACKUP = "nightly-backup"
ESCAPES = "\x1b]0;owned\x07\x1b[2Jrun"
SPARE = "replicas"
"""The worker of kind-config.yaml that may be lost."""


def note(**changed: object) -> str:
    """Return an undo as gameday writes it, but for what is changed; keys of the undo itself have a ``u_`` before them."""
    past = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")
    undo: dict[str, Any] = {"patch": {"spec": {"replicas": 0}}, "pods": []}
    undo |= {key.removeprefix("u_"): value for key, value in changed.items() if key.startswith("u_")}
    value: dict[str, Any] = {
        "run": "run-1",
        "fault": "scale",
        "janitor": "gameday-janitor-0a1b2c3d",
        "lease_s": 5.0,
        "deadline": past,
        "namespace": NAMESPACE,
        "undo": undo,
    }
    return json.dumps(value | {key: value for key, value in changed.items() if not key.startswith("u_")})


NOTES = {
    "no-json": "{",
    "list": "[]",
    "null": "null",
    "number": '{"undo": 1}',
    "deep": "[" * 50_000,
    "long": json.dumps({"undo": "x" * 150_000}),
    "account": note(u_patch={"spec": {"template": {"spec": {"serviceAccountName": "gameday-janitor"}}}}),
    "image": note(u_patch={"spec": {"replicas": 1, "template": {"spec": {"containers": []}}}}),
    "paused": note(u_patch={"spec": {"replicas": 0, "paused": True}}),
    "labels": note(u_patch={"spec": {"replicas": 0}, "metadata": {"labels": {"owned": "yes"}}}),
    "negative": note(u_patch={"spec": {"replicas": -1}}),
    "text": note(u_patch={"spec": {"replicas": "2"}}),
    "crowd": note(u_patch={"spec": {"replicas": 10**9}}),
    "operations": note(u_patch=[{"op": "remove", "path": "/spec"}]),
    "path": note(u_pods=["../../secrets/shop-passwords"]),
    "backup": note(janitor=BACKUP),
    "for-ever": note(lease_s=10.0).replace("10.0", "Infinity"),
    "no-time": note(deadline="tomorrow"),
    "escapes": note(run=ESCAPES, more=ESCAPES),
}


def deployment(name: str, text: str) -> dict[str, JsonValue]:
    """Return a Deployment without pods that has a note on it."""
    labels: JsonValue = {"app": f"stranger-{name}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"stranger-{name}", "namespace": NAMESPACE, "labels": labels, "annotations": {UNDO: text}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "only", "image": "gameday:dev"}]},
            },
        },
    }


def backup() -> dict[str, JsonValue]:
    """Return somebody's Job, which waits to be begun, with the label of a run's."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": BACKUP, "namespace": NAMESPACE, "labels": {"gameday.dev/run": "run-1"}},
        "spec": {
            "suspend": True,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "only", "image": "gameday:dev"}]},
            },
        },
    }


@contextmanager
def placed(stands: Stands) -> Iterator[None]:
    """Put them all there, and one on a node; in the end they are gone."""
    objects: JsonValue = [*(deployment(*each) for each in NOTES.items()), backup()]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    (node,) = kubectl(stands, "get", "nodes", "--selector", f"gameday.dev/role={SPARE}", "--output", "name").split()
    tainted = note(fault="drain", u_patch={"spec": {"unschedulable": None, "taints": []}})
    try:
        kubectl(stands, "create", "--filename", "-", given=text)
        kubectl(stands, "annotate", node, f"{UNDO}={tainted}")
        yield
    finally:
        kubectl(stands, "annotate", node, f"{UNDO}-")
        kubectl(stands, "delete", "--ignore-not-found", "--filename", "-", given=text)


def seen(stands: Stands) -> dict[str, JsonValue]:
    """Return all that must stay as it is: specs, labels and notes."""
    words = ("--namespace", NAMESPACE, "get", "deployments,jobs,nodes", "--output", "json")
    return {
        f"{each['kind']} {each['metadata']['name']}": [
            each["spec"],
            each["metadata"].get("labels"),
            (each["metadata"].get("annotations") or {}).get(UNDO),
        ]
        for each in json.loads(kubectl(stands, *words))["items"]
        if each["metadata"]["name"].startswith("stranger-") or each["kind"] in {"Job", "Node"}
    }


def test_recover_obeys_no_strangers_object_and_undoes_what_is_a_runs_own(stands: Stands, tmp_path: Path) -> None:
    """All at once, beside a fault that a dead run left; every one of them is named."""
    site = site_of(stands.system, run="run-dead")
    target = KubernetesTarget(site)
    before = target.workload("recommendations").desired
    with placed(stands):
        there = seen(stands)
        target.scale("recommendations", 0, lease_s=60)
        told = recover(tmp_path / "runs")
        assert told.code() == Exit.RESIDUE, told.printed()
        printed = told.printed()
        assert seen(stands) == there
        assert target.workload("recommendations").desired == before
        assert "undid scale of run run-dead on deployment recommendations" in printed
        for name in NOTES:
            assert f"stranger-{name}" in printed
        assert not {"\x1b", "\x07"} & set(printed)
        assert "Traceback" not in printed
        assert "internal error" not in printed
    again = recover(tmp_path / "again")
    assert again.code() == Exit.PASSED, again.printed()
