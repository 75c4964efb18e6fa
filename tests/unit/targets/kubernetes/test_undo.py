"""What is written on an object is enough to bring it back, and is never taken for something else."""

from __future__ import annotations

import json

import pytest

from gameday.targets.kubernetes.residue import Residue
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.kubernetes.undo import Touched, Undo, read_undo
from gameday.targets.kubernetes.workload import part_of
from gameday.targets.protocol import TargetError

UNDO = Undo("run-1", "kill", {"spec": {"replicas": 2}}, ("web-6899757d77-jvlwt",), "gameday-janitor-1", 5.0, "", "shop")


def site(*names: str) -> Site:
    """Return a place with these services, each with a Deployment of its name."""
    parts = {
        name: Part(name=name, workload=name, kind="http", port=8080, metrics=None, password=None) for name in names
    }
    return Site(context="kind-gameday", namespace="shop", run="run-1", services=parts, edges=(), urls={})


def test_an_annotation_says_all_that_it_was_given() -> None:
    """It is all that another process has."""
    assert read_undo(UNDO.renewed(5).to_json()).patch == UNDO.patch
    undo = UNDO.renewed(5)
    assert read_undo(undo.to_json()) == undo


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
    "text", ["", "[]", "{}", '{"undo": 1}', '{"undo": {"patch": {}, "pods": []}, "more": 1}', "null"]
)
def test_an_annotation_of_somebody_else_is_an_error_in_words(text: str) -> None:
    """Undoing what is not understood would be worse than not undoing."""
    with pytest.raises(TargetError, match="remove it by hand"):
        read_undo(text)


def test_an_object_knows_where_the_api_has_it() -> None:
    """The janitor is given the path."""
    assert Touched("deployment", "web").path("shop") == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert Touched("node", "worker").path("shop") == "/api/v1/nodes/worker"


def test_a_pod_that_is_gone_still_belongs_to_its_workload() -> None:
    """Its name says so."""
    assert part_of(site("web", "cache"), "web-6899757d77-jvlwt").name == "web"
    with pytest.raises(TargetError, match="none of the system's workloads: web, cache"):
        part_of(site("web", "cache"), "webshop-6899757d77-jvlwt")


def test_nothing_left_reads_as_clean() -> None:
    """One line, with what was counted."""
    clean = Residue((), (), (), (), (), ready=2, desired=2)
    assert clean.summary() == "clean: 0 agents, 0 cordons, 2/2 replicas, 0 annotations, 0 jobs"
    assert clean.sentences() == ()
    left = Residue((), ("node worker is cordoned by run run-1",), (), (), (), ready=2, desired=2)
    assert left.summary().startswith("left: 0 agents, 1 cordons,")
    assert left.sentences() == ("node worker is cordoned by run run-1",)
