"""Every fault on the shop in the cluster, with exactly its own rights and under the policy: it takes effect, shows it, is undone, leaves nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial

import pytest
from pydantic import JsonValue

from cluster.standing import NAMESPACE, Stands, grant, kubectl
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.faults import catalogue
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Fault
from gameday.targets.kubernetes import ahead, janitor
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.copies import copies
from gameday.targets.kubernetes.keeper import new_run
from gameday.targets.kubernetes.manifests import shipped
from gameday.targets.kubernetes.requirements import missing
from gameday.targets.kubernetes.residue import find_residue, look
from gameday.targets.kubernetes.rights import NODE, USES, WORKLOAD, Grant, Right, needed, uses_of
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.kubernetes.undo import outstanding, undo_all
from gameday.targets.protocol import TargetError
from samples import shop
from system.target.running import CHECKOUT, LOGIN, Ask, send, wait_until

WEB = "http://127.0.0.1:30080"
PAYMENTS = "web -> payments"
SPARE = "replicas"
"""The worker of kind-config.yaml that holds one replica of web and nothing else."""
FAULTS: dict[str, tuple[str, dict[str, JsonValue]]] = {
    "latency-in": ("latency", {"edge": "load -> web", "delay": "300ms"}),
    "latency-out": ("latency", {"edge": PAYMENTS, "delay": "300ms"}),
    "blackhole": ("blackhole", {"edge": PAYMENTS}),
    "errors": ("errors", {"edge": PAYMENTS, "path": "/pay*", "status": 502, "share": "50%"}),
    "kill-one": ("kill", {"service": "web"}),
    "kill-share": ("kill", {"service": "web", "replicas": "50%", "seed": 2}),
    "kill-all": ("kill", {"service": "recommendations", "replicas": "all"}),
    "kill-gracefully": ("kill", {"service": "payments", "grace": "3s"}),
    "kill-down": ("kill", {"service": "web", "replicas": "all", "down": "5s"}),
    "monkey": ("monkey", {"services": ["web"]}),
    "pause": ("pause", {"service": "payments"}),
    "scale-down": ("scale", {"service": "recommendations", "replicas": 0}),
    "scale-up": ("scale", {"service": "recommendations", "replicas": 2}),
    "cordon": ("drain", {"service": "payments", "cordon-only": True}),
    "drain": ("drain", {"service": "web", "grace": "1s"}),
    "stress-cpu": ("stress", {"service": "web", "cpu": "0.2 cores"}),
    "stress-memory": ("stress", {"service": "web", "memory": "30MB"}),
    "empty-cache": ("empty-cache", {"service": "cache"}),
    "empty-prefix": ("empty-cache", {"service": "cache"}),
}
RIGHTS = ("role", "janitor", "node-role")
EVICT = Right("create", "", "pods/eviction", "")
TO_PROVE_S, TO_HEAL_S = 45.0, 45.0
"""Bounds; a pod of the shop is ready after three seconds, and the database's after five."""


@dataclass(frozen=True)
class Shop:
    """The shop in the cluster, and a run on it."""

    api: Api
    site: Site
    target: KubernetesTarget

    def works(self) -> bool:
        """Return whether routes that need every service answer."""
        asks = (
            Ask("POST", f"{WEB}/login", LOGIN),
            Ask("POST", f"{WEB}/checkout", CHECKOUT),
            Ask("GET", f"{WEB}/product/1"),
        )
        return all(answer.status == 200 for answer in send(asks, patience_s=5))

    def spare(self) -> str:
        """Return the name of the node that may be lost."""
        with self.api.translated("listing the nodes"):
            (found,) = self.api.core.list_node(label_selector=f"gameday.dev/role={SPARE}").items
        return str(found.metadata.name)

    def staying(self, service: str) -> list[str]:
        """Return the names of a service's pods but for those that are ending."""
        return [each.name for each in self.target.replicas(service) if not each.ending]

    def spread(self) -> None:
        """See that the node that may be lost has a replica of web: what was evicted from it does not come back by itself."""
        names = self.staying("web")
        if self.spare() not in map(self.target.node_of, names):
            self.target.kill("web", names[0], lease_s=0)
            wait_until(lambda: self.target.is_ready("web", names[0]), within_s=TO_HEAL_S, what="its successor")

    def jobs(self) -> list[str]:
        """Return the names of the Jobs that runs have there and that have a pod."""
        with self.api.translated("listing the jobs"):
            items = self.api.batch.list_namespaced_job(self.site.namespace, label_selector=janitor.RUN).items
        return [str(each.metadata.name) for each in items if each.status.active]

    def is_whole(self) -> bool:
        """Return whether nothing of a fault is left but the agents, which stay until the run ends."""
        found = look(self.api, self.site)
        return not (found.cordons or found.annotations or found.replicas or found.objects)


def may(api: Api, right: Right, name: str) -> bool:
    """Ask the API server whether this account has a right."""
    resource, _, part = right.resource.partition("/")
    asked = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": part, "name": name}
    where = {} if right.of_cluster else {"namespace": NAMESPACE}
    review = api.authorization.create_self_subject_access_review({"spec": {"resourceAttributes": {**asked, **where}}})
    return bool(review.status.allowed)


def rights(api: Api, workloads: Collection[str]) -> set[tuple[str, str]]:
    """Return which of all rights that anything needs this account has; of workloads, where they are named, for these and for no other."""
    names = {WORKLOAD: (*workloads, "web")[0], NODE: "any"}
    found = [right for right in needed(USES) if may(api, right, names.get(right.name, right.name))]
    assert not (workloads and any(may(api, right, "another") for right in found if right.name == WORKLOAD))
    return {(right.verb, right.resource) for right in found}


@pytest.fixture(scope="module")
def running(stands: Stands) -> Iterator[Shop]:
    """Return the hardened shop, under the policy; at the end all agents leave."""
    site = site_of(stands.system, run="test-faults")
    api = open_api(site.context)
    target = KubernetesTarget(site)
    list(undo_all(api, site))
    shop_that_runs = Shop(api, site, target)
    wait_until(shop_that_runs.is_whole, within_s=TO_HEAL_S, what="the shop")
    shop_that_runs.spread()
    grant(stands, "policy")
    try:
        yield shop_that_runs
    finally:
        grant(stands, "policy", verb="delete")
    list(undo_all(api, site))
    shop_that_runs.spread()
    target.leave()
    wait_until(lambda: not find_residue(api, site), what="nothing to be left")


@pytest.fixture
def exactly(running: Shop, stands: Stands, name: str) -> Iterator[Grant]:
    """Narrow the rights of both accounts to those of one fault on its own workload, and see that they are these and no others."""
    plan = case(name)[1]
    given = Grant(uses_of([plan]), workloads=plan.services if plan.held else ())
    nodes, undone = given.changes_nodes, given.changes_nodes or given.changes_workloads
    kinds = [kind for kind, needed_ in (("role", True), ("janitor", undone), ("node-role", nodes)) if needed_]
    nobody = ("--type=merge", "--patch", '{"subjects": []}')
    kubectl(stands, "patch", "clusterrolebinding", f"gameday-nodes-{NAMESPACE}", *nobody)
    expected = {(right.verb, right.resource) for right in needed(given.uses)}
    try:
        grant(stands, *kinds, only=given)
        wait_until(lambda: rights(running.api, given.workloads) == expected, what=f"exactly {sorted(expected)}")
        assert missing(plain(stands), [plan]) == ()
        yield given
    finally:
        grant(stands, *RIGHTS)
        wait_until(lambda: may(running.api, EVICT, ""), what="all rights")


def plain(stands: Stands) -> System:
    """Return the shop as a system that is no demo: its variants need rights of their own."""
    kind = stands.system.targets.kind
    assert kind is not None
    targets = stands.system.targets.model_copy(update={"kind": kind.model_copy(update={"demo": None})})
    return stands.system.model_copy(update={"targets": targets})


def system(name: str) -> System:
    """Return the shop's system; where only a prefix may be emptied, it says so."""
    plain = shop()
    if name != "empty-prefix":
        return plain
    cache = plain.services["cache"].model_copy(update={"disposable": False, "prefix": "product:"})
    return plain.model_copy(update={"services": {**plain.services, "cache": cache}})


def case(name: str) -> tuple[Fault, PlannedFault]:
    """Return a fault and how the shop's plan resolves it."""
    fault = catalogue()[FAULTS[name][0]]
    return fault, fault.plan(fault.parameters.model_validate(FAULTS[name][1]), system(name))


def prepared(running: Shop, name: str) -> tuple[Fault, PlannedFault, Data]:
    """Prepare a fault; a node that is emptied is the one that may be lost, whatever the seed would draw."""
    fault, plan = case(name)
    undo = dict(fault.prepare(plan, running.target))
    if name == "drain":
        node = running.target.node(running.spare())
        assert node.pods
        undo |= {"node": node.name, "pods": dict(node.pods)}
    return fault, plan, undo


def ask_around() -> None:
    """Send a little traffic over every edge."""
    send([Ask("POST", f"{WEB}/checkout", CHECKOUT)] * 4 + [Ask("GET", f"{WEB}/product/1")] * 2, patience_s=1.0)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a pod that undoes a fault as long as a busy machine may take to start it."""
    monkeypatch.setattr(janitor, "SOON_S", 30.0)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.usefixtures("exactly")
def test_a_fault_shows_in_the_clusters_signals_and_is_undone(running: Shop, name: str) -> None:
    """The same steps as in an experiment, under a little traffic, with exactly the rights of the fault."""
    wait_until(running.works, within_s=TO_HEAL_S, what="every route")
    fault, plan, undo = prepared(running, name)
    injected = fault.inject(plan, running.target, undo)

    def bites() -> bool:
        fault.renew(plan, running.target, undo)
        ask_around()
        return fault.prove(plan, running.target, injected).bites

    try:
        wait_until(bites, within_s=TO_PROVE_S, what=f"the proof of {name}")
    finally:
        fault.undo(undo, running.target)
    wait_until(lambda: fault.healed(undo, running.target), within_s=TO_HEAL_S, what=f"the healing of {name}")
    fault.undo(undo, running.target)
    wait_until(running.is_whole, within_s=TO_HEAL_S, what=f"nothing of {name} to be left")


@pytest.mark.parametrize(
    ("name", "verb", "resource"),
    [("latency-in", "patch", "pods/ephemeralcontainers"), ("scale-down", "patch", "deployments")],
)
def test_one_right_less_is_told_before_anything_is_done(
    stands: Stands, exactly: Grant, name: str, verb: str, resource: str
) -> None:
    """In one sentence, with the command that grants what the fault needs and no more."""
    (role,) = shipped("role", exactly)
    for rule in role["rules"]:
        if rule["resources"] == [resource]:
            rule["verbs"] = [each for each in rule["verbs"] if each != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    kubectl(stands, "-n", NAMESPACE, "apply", "--filename", "-", given=json.dumps(role))
    (told,) = wait_until(lambda: missing(plain(stands), [case(name)[1]]), what="the right to be gone")
    assert told.startswith(f"this account may not {verb} {resource}")
    assert f"gameday manifests {NAMESPACE} role account --for {','.join(exactly.uses)} |" in told


@pytest.mark.parametrize("name", ["scale-down", "kill-down", "cordon"])
def test_the_janitor_undoes_what_a_killed_runner_left(running: Shop, name: str) -> None:
    """Nobody renews, nobody undoes: the lease ends by itself."""
    wait_until(running.works, within_s=TO_HEAL_S, what="every route")
    fault, plan, undo = prepared(running, name)
    fault.inject(plan, running.target, undo)
    wait_until(running.is_whole, within_s=LEASE_S + TO_HEAL_S, what="the janitor")
    wait_until(lambda: fault.healed(undo, running.target), within_s=TO_HEAL_S, what=f"the healing of {name}")


@pytest.mark.parametrize("name", ["scale-down", "kill-down"])
def test_what_undoes_a_fault_is_there_before_it_and_gone_afterwards(running: Shop, name: str) -> None:
    """The injection starts none, and the end of the run leaves none, whether its fault came or not."""
    wait_until(running.works, within_s=TO_HEAL_S, what="every route")
    fault, plan, undo = prepared(running, name)
    site = replace(running.site, run=new_run())
    target = KubernetesTarget(site)
    waiting = ahead.planned(running.api, site, [plan])
    (expected,) = [janitor.name_ahead(site, each.path) for each in waiting]
    ahead.start(running.api, site, waiting)
    wait_until(lambda: running.jobs() == [expected], within_s=TO_HEAL_S, what="the Job that waits")
    ahead.end(running.api, site, waiting)
    assert running.is_whole()
    ahead.start(running.api, site, waiting)
    wait_until(lambda: running.jobs() == [expected], within_s=TO_HEAL_S, what="the Job that waits, again")
    try:
        fault.inject(plan, target, undo)
        assert [each.janitor for _, each in outstanding(running.api, site)] == [expected]
        ahead.end(running.api, site, waiting)
        assert running.jobs() == [expected], "what is outstanding keeps its Job, and has no other"
    finally:
        fault.undo(undo, target)
        ahead.end(running.api, site, waiting)
    assert not running.jobs()
    wait_until(lambda: fault.healed(undo, target), within_s=TO_HEAL_S, what=f"the healing of {name}")
    wait_until(running.is_whole, within_s=TO_HEAL_S, what=f"nothing of {name} to be left")


def test_a_job_that_has_waited_undoes_what_a_killed_runner_left(running: Shop) -> None:
    """It waits longer for its fault than one that comes with it."""
    wait_until(running.works, within_s=TO_HEAL_S, what="every route")
    fault, plan, undo = prepared(running, "scale-down")
    site = replace(running.site, run=new_run())
    ahead.start(running.api, site, ahead.planned(running.api, site, [plan]))
    wait_until(lambda: len(running.jobs()) == 1, within_s=TO_HEAL_S, what="the Job that waits")
    (waiting,) = running.jobs()
    time.sleep(janitor.FIRST_S + 5)
    fault.inject(plan, KubernetesTarget(site), undo)
    assert running.jobs() == [waiting]
    wait_until(running.is_whole, within_s=LEASE_S + TO_HEAL_S, what="the janitor")
    wait_until(lambda: fault.healed(undo, running.target), within_s=TO_HEAL_S, what="the healing")


def test_no_copy_of_an_undo_is_left_that_a_rollback_could_bring_back(running: Shop) -> None:
    """Kubernetes writes what is noted on a Deployment on its ReplicaSet too, and leaves it there."""
    target = running.target
    target.scale("recommendations", 2, lease_s=LEASE_S)
    try:
        wait_until(lambda: bool(copies(running.api, running.site)), within_s=LEASE_S, what="the copy")
    finally:
        target.unscale("recommendations")
    wait_until(running.is_whole, within_s=TO_HEAL_S, what="the undo")
    assert copies(running.api, running.site) == ()


def one_more_pod(stands: Stands) -> str:
    """Return what the API server says to a pod that is not to be made."""
    asked = ("-n", NAMESPACE, "run", "one-more", "--image=gameday:dev", "--dry-run=server")
    return kubectl(stands, *asked, codes=(0, 1))


def test_a_change_that_nobody_would_undo_is_not_made(
    running: Shop, stands: Stands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota leaves no place for what undoes it: the run is told so, with the cluster's own words, before its load or at the injection."""
    monkeypatch.setattr(ahead, "STARTED_S", 6.0)
    monkeypatch.setattr(janitor, "SOON_S", 6.0)
    site, before = replace(running.site, run=new_run()), running.target.workload("payments").desired
    waiting = ahead.Waiting(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/payments", 60)
    kubectl(stands, "-n", NAMESPACE, "create", "quota", "full", "--hard=pods=1")
    try:
        wait_until(lambda: "exceeded quota: full" in one_more_pod(stands), what="the API server to act by the quota")
        for change in (
            partial(ahead.start, running.api, site, (waiting,)),
            partial(KubernetesTarget(site).scale, "payments", 0, lease_s=LEASE_S),
        ):
            with pytest.raises(TargetError, match=r"exceeded quota: full.*; so nobody would undo the fault"):
                change()
            assert not outstanding(running.api, site)
            assert running.target.workload("payments").desired == before
    finally:
        kubectl(stands, "-n", NAMESPACE, "delete", "quota", "full")
        ahead.end(running.api, site, (waiting,))
    wait_until(running.is_whole, within_s=TO_HEAL_S, what="nothing to be left")


def test_recovering_needs_nothing_but_the_cluster(running: Shop) -> None:
    """Another process, on another machine, finds what is outstanding and undoes it; twice is once."""
    fault, plan, undo = prepared(running, "scale-down")
    fault.inject(plan, running.target, undo)
    other = replace(running.site, run="recover")
    assert list(undo_all(running.api, other)) == ["scale of run test-faults on deployment recommendations"]
    assert list(undo_all(running.api, other)) == []
    wait_until(running.is_whole, within_s=TO_HEAL_S, what="nothing to be left")


def test_the_undo_of_an_outstanding_fault_is_never_overwritten(running: Shop) -> None:
    """Else the number of replicas from before would be lost."""
    target = running.target
    wait_until(lambda: len(running.staying("recommendations")) == 1, within_s=TO_HEAL_S, what="the pod")
    (replica,) = running.staying("recommendations")
    target.scale("recommendations", 0, lease_s=LEASE_S)
    try:
        with pytest.raises(TargetError, match="still has the scale of run test-faults"):
            target.kill("recommendations", replica, lease_s=LEASE_S)
    finally:
        target.unscale("recommendations")
    wait_until(running.is_whole, within_s=TO_HEAL_S, what="nothing to be left")


def test_a_kill_of_a_pod_that_came_late_is_a_crash_too(running: Shop) -> None:
    """No agent is beside it yet, so one is put there first; the kill is proven at once, because the pod's processes have ended."""
    target, service = running.target, "recommendations"
    for name in running.staying(service):  # its successor has no agent
        target.kill(service, name, lease_s=0)
        wait_until(partial(target.is_ready, service, name), within_s=TO_HEAL_S, what="a pod without an agent")
    fault = catalogue()["kill"]
    plan = fault.plan(fault.parameters.model_validate({"service": service, "replicas": "all", "down": "10s"}), shop())
    undo = fault.prepare(plan, target)
    injected = fault.inject(plan, target, undo)
    try:
        assert fault.prove(plan, target, injected).bites
    finally:
        fault.undo(undo, target)
    wait_until(lambda: fault.healed(undo, target), within_s=TO_HEAL_S, what="the healing")
    wait_until(running.is_whole, within_s=TO_HEAL_S, what="nothing to be left")


def test_pods_that_the_controller_ends_in_another_order_are_kept_away_all_the_same(
    running: Shop, stands: Stands
) -> None:
    """It ends first who is not ready or costs less, which need not be the pod that the kill took first."""
    wait_until(running.works, within_s=TO_HEAL_S, what="every route")
    fault, plan, undo = prepared(running, "kill-down")
    last, *_ = sorted(running.staying("web"))
    kubectl(stands, "-n", NAMESPACE, "annotate", "pod", last, "controller.kubernetes.io/pod-deletion-cost=-2000")
    try:
        injected = fault.inject(plan, running.target, undo)
        wait_until(lambda: fault.prove(plan, running.target, injected).bites, within_s=LEASE_S, what="the proof")
        assert not running.staying("web")
    finally:
        fault.undo(undo, running.target)
    wait_until(lambda: fault.healed(undo, running.target), within_s=TO_HEAL_S, what="the healing")
    wait_until(running.is_whole, within_s=TO_HEAL_S, what="nothing to be left")


def test_a_pod_that_is_gone_cannot_be_killed(running: Shop) -> None:
    """Chaos Toolkit's own action would succeed and have done nothing."""
    with pytest.raises(TargetError, match="is not there any more"):
        running.target.kill("web", "web-0000000000-00000", lease_s=0)


def test_a_list_of_kubeconfigs_is_respected(running: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl does; the extension by itself knows one path only."""
    monkeypatch.setenv("KUBECONFIG", f"{os.environ['KUBECONFIG']}:/nonexistent")
    wait_until(lambda: len(running.target.replicas("recommendations")) == 1, what="those that are ending to be gone")
    (before,) = running.target.replicas("recommendations")
    running.target.kill("recommendations", before.name, lease_s=0)
    wait_until(
        lambda: running.target.is_ready("recommendations", before.name), within_s=TO_HEAL_S, what="its successor"
    )
    assert before.identity not in {each.identity for each in running.target.replicas("recommendations")}
