"""What would undo is tried for everything that a run changes, workloads and nodes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import Configuration

from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.preflight import refusals
from gameday.targets.kubernetes.site import Part, Site
from samples import planned

SITE = Site("kind-gameday", "shop", "run-1", {"web": Part("web", "web", "http", 8080)}, (), {})
SCALE = planned("scale", {"service": "web", "replicas": 0}).faults[0]
DRAIN = planned("drain", {"service": "web"}).faults[0]
"""Of its nodes nothing can be read here, so the rights are asked for as to any."""


class Rights:
    """The part of an API server that admits all Jobs, and knows one thing that the janitor's account may not."""

    def __init__(self, lacking: str) -> None:
        """Lack this ``verb resource``."""
        self._lacking = lacking

    def create_namespaced_job(self, namespace: str, body: object, dry_run: str) -> None:
        """Admit it."""

    def create_self_subject_access_review(self, body: object) -> Any:  # noqa: ANN401, ARG002 - as the library has it
        """Let whoever asks create no pods."""
        return SimpleNamespace(status=SimpleNamespace(allowed=False))

    def create_subject_access_review(self, body: Any) -> Any:  # noqa: ANN401 - same
        """Answer for the janitor's account."""
        asked = body["spec"]["resourceAttributes"]
        assert ("namespace" in asked) is (asked["resource"] != "nodes")
        return SimpleNamespace(status=SimpleNamespace(allowed=f"{asked['verb']} {asked['resource']}" != self._lacking))


@pytest.mark.parametrize(
    ("lacking", "manifests"),
    [
        ("patch deployments", "janitor"),
        ("list replicasets", "janitor"),
        ("patch replicasets", "janitor"),
        ("patch nodes", "janitor node-role"),
    ],
)
def test_a_run_that_changes_workloads_and_nodes_has_the_rights_for_both_tried(lacking: str, manifests: str) -> None:
    """The janitor asks for all of these before a fault; who may ask is told before the load."""
    api = Api("kind-gameday", Configuration(host="http://127.0.0.1:1"))
    api.batch = api.authorization = Rights(lacking)
    (told,) = refusals(api, SITE, (SCALE, DRAIN))
    assert told.startswith(f"the account gameday-janitor may not {lacking}")
    assert f"gameday manifests shop {manifests} |" in told


def test_what_a_fault_does_not_change_is_not_asked_for() -> None:
    """A scale needs no node, and a drain no Deployment."""
    api = Api("kind-gameday", Configuration(host="http://127.0.0.1:1"))
    for fault, lacking in ((SCALE, "patch nodes"), (DRAIN, "patch deployments")):
        api.batch = api.authorization = Rights(lacking)
        assert refusals(api, SITE, (fault,)) == ()
