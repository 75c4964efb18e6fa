"""What is written on an object is enough to bring it back, and is never taken for something else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gameday.targets.kubernetes.residue import Residue
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.kubernetes.undo import Touched, Undo, read_undo
from gameday.targets.protocol import TargetError

WEB, NODE = Touched("deployment", "web"), Touched("node", "worker")
UNDO = Undo("run-1", "kill", {"spec": {"replicas": 2}}, ("web-6899757d77-jvlwt",), "gameday-janitor-1", 5.0, "", "shop")


def site(*names: str) -> Site:
    """Return a place with these services, each with a Deployment of its name."""
    parts = {
        name: Part(name=name, workload=name, kind="http", port=8080, metrics=None, password=None) for name in names
    }
    return Site(context="kind-gameday", namespace="shop", run="run-1", services=parts, edges=(), urls={})


def test_an_annotation_says_all_that_it_was_given() -> None:
    """It is all that another process has."""
    assert read_undo(UNDO.renewed(5).to_json(), WEB).patch == UNDO.patch
    undo = UNDO.renewed(5)
    assert read_undo(undo.to_json(), WEB) == undo


def test_what_the_janitor_reads_is_where_it_looks_for_it() -> None:
    """Its program shares no code with the runner's."""
    value = json.loads(UNDO.renewed(5).to_json())
    assert value["undo"] == {"patch": {"spec": {"replicas": 2}}, "pods": ["web-6899757d77-jvlwt"]}
    assert (value["janitor"], value["lease_s"], value["run"], value["fault"]) == (
        "gameday-janitor-1",
        5,
        "run-1",
        "kill",
    )


def test_renewing_moves_the_deadline_and_nothing_else() -> None:
    """Five seconds from now."""
    undo = UNDO.renewed(5)
    assert 4 < undo.left_s() <= 5
    assert 59 < undo.renewed(60).left_s() <= 60
    assert undo.renewed(60).patch == undo.patch


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"undo": 1}', '{"undo": {"patch": {}, "pods": []}, "more": 1}', "null", "[" * 100_000]
)
def test_an_annotation_of_somebody_else_is_an_error_in_words(text: str) -> None:
    """Undoing what is not understood would be worse than not undoing."""
    with pytest.raises(TargetError, match="kubectl annotate deployment web"):
        read_undo(text, WEB)


HOSTILE: tuple[tuple[Touched, dict[str, Any]], ...] = (
    (WEB, {"patch": {"spec": {"template": {"spec": {"serviceAccountName": "admin"}}}}}),
    (WEB, {"patch": {"spec": {"replicas": 2, "paused": True}}}),
    (WEB, {"patch": {"spec": {"replicas": 2}, "metadata": {"labels": {"a": "b"}}}}),
    (WEB, {"patch": {"spec": {"replicas": -1}}}),
    (WEB, {"patch": {"spec": {"replicas": "2"}}}),
    (WEB, {"patch": {"spec": {"replicas": True}}}),
    (WEB, {"patch": {"spec": {"replicas": 10**9}}}),
    (WEB, {"patch": {"spec": {"unschedulable": None}}}),
    (WEB, {"patch": {}}),
    (WEB, {"patch": [{"op": "remove", "path": "/spec"}]}),
    (WEB, {"pods": ("../../secrets/shop-passwords",)}),
    (WEB, {"pods": ("a/b",)}),
    (WEB, {"pods": (1,)}),
    (WEB, {"janitor": "nightly-backup"}),
    (WEB, {"janitor": ""}),
    (WEB, {"lease_s": float("inf")}),
    (WEB, {"deadline": "tomorrow"}),
    (NODE, {"patch": {"spec": {"taints": []}}}),
    (NODE, {"patch": {"spec": {"unschedulable": None, "podCIDR": "10.0.0.0/8"}}}),
    (NODE, {"patch": {"spec": {"unschedulable": "no"}}}),
    (NODE, {"patch": {"spec": {"replicas": 2}}}),
)


@pytest.mark.parametrize(("touched", "changed"), HOSTILE)
def test_an_annotation_restores_what_a_fault_changes_and_nothing_else(
    touched: Touched, changed: dict[str, Any]
) -> None:
    """Whoever may write an annotation must not have gameday write what they may not."""
    value = {
        **json.loads(UNDO.renewed(5).to_json()),
        **{key: changed[key] for key in changed if key not in ("patch", "pods")},
    }
    if touched.kind == "node":
        value["undo"]["patch"] = {"spec": {"unschedulable": None}}
    value["undo"] |= {key: changed[key] for key in changed if key in ("patch", "pods")}
    with pytest.raises(TargetError, match=f"kubectl annotate {touched.kind} {touched.name}"):
        read_undo(json.dumps(value), touched)


def test_what_a_node_may_be_given_back_is_read() -> None:
    """Whether it takes pods."""
    drained = replace(UNDO.renewed(5), fault="drain", patch={"spec": {"unschedulable": None}}, pods=())
    assert read_undo(drained.to_json(), NODE) == drained


def test_an_object_knows_where_the_api_has_it() -> None:
    """The janitor is given the path."""
    assert Touched("deployment", "web").path("shop") == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert Touched("node", "worker").path("shop") == "/api/v1/nodes/worker"


def test_nothing_left_reads_as_clean() -> None:
    """One line, with what was counted."""
    clean = Residue((), (), (), (), (), ready=2, desired=2)
    assert clean.summary() == "clean: 0 agents, 0 cordons, 2/2 replicas, 0 annotations, 0 jobs"
    assert clean.sentences() == ()
    assert (
        clean.summary(faults=1)
        == "left: 0 agents, 0 cordons, 2/2 replicas, 0 annotations, 0 jobs, 1 faults not seen undone"
    )
    left = Residue((), ("node worker is cordoned by run run-1",), (), (), (), ready=2, desired=2)
    assert left.summary().startswith("left: 0 agents, 1 cordons,")
    assert left.sentences() == ("node worker is cordoned by run run-1",)
