"""A service may be a StatefulSet: killed, scaled, undone by whoever is left, with no more rights than the Role gives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster.standing import NAMESPACE, Stands, kubectl
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.faults import catalogue
from gameday.faults.place import LEASE_S
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.requirements import missing
from gameday.targets.kubernetes.residue import find_residue, look
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.kubernetes.undo import undo_all
from gameday.targets.protocol import TargetError
from system.target.running import wait_until

NAME, REPLICAS = "ledger", 2
HEALED_S = 60.0
SET = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": NAME},
    "spec": {
        "replicas": REPLICAS,
        "serviceName": NAME,
        "selector": {"matchLabels": {"app": NAME}},
        "template": {
            "metadata": {"labels": {"app": NAME}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {
                        "name": "main",
                        "image": "gameday:dev",
                        "imagePullPolicy": "Never",
                        "command": ["python", "-m", "http.server", "8080", "--directory", "/usr/share"],
                        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                    }
                ],
            },
        },
    },
}


@pytest.fixture(scope="module")
def ledger(stands: Stands) -> Iterator[tuple[System, Site, KubernetesTarget]]:
    """Deploy the set beside the shop; its system is that service alone."""
    kind = stands.system.targets.kind
    assert kind is not None
    system = System.model_validate(
        {
            "name": NAME,
            "targets": {"kind": {"context": kind.context, "namespace": NAMESPACE, "url": "http://127.0.0.1:8080"}},
            "services": {NAME: {"port": 8080}},
            "routes": {"page": {"request": "GET /", "hard": [NAME]}},
        }
    )
    site = site_of(system, run="test-sets")
    target = KubernetesTarget(site)
    try:
        kubectl(stands, "-n", NAMESPACE, "apply", "-f", "-", given=json.dumps(SET))
        kubectl(stands, "-n", NAMESPACE, "rollout", "status", f"statefulset/{NAME}", "--timeout=60s")
        yield system, site, target
    finally:
        list(undo_all(open_api(site.context), site))
        kubectl(stands, "-n", NAMESPACE, "delete", "statefulset", NAME, "--wait=true")


def names(target: KubernetesTarget) -> list[str]:
    """Return the pods that are there and stay."""
    return [each.name for each in target.replicas(NAME) if not each.ending]


def kill_down(system: System, some: str) -> PlannedFault:
    """Plan to keep some of its pods away."""
    fault = catalogue()["kill"]
    given = fault.parameters.model_validate({"service": NAME, "replicas": some, "down": "10s"})
    return fault.plan(given, system)


def is_whole(site: Site, target: KubernetesTarget) -> bool:
    """Tell whether all pods are ready and nothing is noted on the set."""
    found = look(open_api(site.context), site)
    ready = all(target.is_ready(NAME, name) for name in names(target)) and len(names(target)) == REPLICAS
    return ready and not (found.annotations or found.replicas or found.objects)


def test_a_run_can_begin_on_it(ledger: tuple[System, Site, KubernetesTarget]) -> None:
    """Nothing is missing, and its pods are found."""
    system, _, target = ledger
    assert missing(system) == ()
    assert names(target) == [f"{NAME}-0", f"{NAME}-1"]
    assert target.workload(NAME).desired == REPLICAS


def test_a_killed_pod_comes_back_under_its_name(ledger: tuple[System, Site, KubernetesTarget]) -> None:
    """As another pod."""
    _, site, target = ledger
    before = {each.name: each.identity for each in target.replicas(NAME)}
    target.kill(NAME, f"{NAME}-0", lease_s=0)
    wait_until(lambda: is_whole(site, target), within_s=HEALED_S, what="the pod's successor")
    after = {each.name: each.identity for each in target.replicas(NAME)}
    assert after.keys() == before.keys()
    assert after[f"{NAME}-0"] != before[f"{NAME}-0"]
    assert after[f"{NAME}-1"] == before[f"{NAME}-1"]


def test_only_its_last_pod_can_be_kept_away(ledger: tuple[System, Site, KubernetesTarget]) -> None:
    """The lease brings it back when nobody renews it."""
    _, site, target = ledger
    with pytest.raises(TargetError, match=f"can only be without its last pod, {NAME}-1"):
        target.kill(NAME, f"{NAME}-0", lease_s=LEASE_S)
    target.revive(NAME, f"{NAME}-0")
    target.kill(NAME, f"{NAME}-1", lease_s=LEASE_S)
    assert names(target) == [f"{NAME}-0"]
    wait_until(lambda: is_whole(site, target), within_s=LEASE_S + HEALED_S, what="the janitor")


def test_all_of_its_pods_can_be_kept_away_and_a_drawn_one_is_refused_before_a_run(
    ledger: tuple[System, Site, KubernetesTarget],
) -> None:
    """The last goes first; whom a seed draws need not be the last."""
    system, site, target = ledger
    fault, one, every = catalogue()["kill"], *(kill_down(system, some) for some in ("one", "all"))
    assert "can be without its last pod only" in missing(system, [one])[0]
    assert missing(system, [every]) == ()
    undo = fault.prepare(every, target)
    injected = fault.inject(every, target, undo)

    def bites() -> bool:
        fault.renew(every, target, undo)
        return fault.prove(every, target, injected).bites

    try:
        wait_until(bites, within_s=HEALED_S, what="the proof")
    finally:
        fault.undo(undo, target)
    wait_until(lambda: is_whole(site, target), within_s=HEALED_S, what="the pods")


def test_agents_end_though_the_workload_of_another_service_is_gone(
    ledger: tuple[System, Site, KubernetesTarget],
) -> None:
    """What was removed has no pods, and hides none of the others."""
    system, _, target = ledger
    target.pause(NAME, f"{NAME}-0", lease_s=HEALED_S)
    gone = system.model_copy(update={"services": {"removed": system.services[NAME], **system.services}})
    assert any(f"in pod {NAME}-0 was ended" in told for told in KubernetesTarget(site_of(gone, run="other")).leave())


def test_its_number_is_found_and_undone_from_the_cluster_alone(
    ledger: tuple[System, Site, KubernetesTarget],
) -> None:
    """By what is written on the set."""
    _, site, target = ledger
    target.scale(NAME, 0, lease_s=LEASE_S)
    assert list(undo_all(open_api(site.context), site)) == [f"scale of run test-sets on statefulset {NAME}"]
    wait_until(lambda: is_whole(site, target), within_s=HEALED_S, what="the pods")
    assert find_residue(open_api(site.context), site) == ()
