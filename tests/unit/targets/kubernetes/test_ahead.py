"""What undoes a fault is there before the load begins, is used once, and goes when nothing needs it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import Configuration
from kubernetes.client.exceptions import ApiException
from pydantic import JsonValue

from gameday.agent.pod.janitor import REFUSED, UNDO
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.targets.claim import NoClaim
from gameday.targets.kubernetes import ahead, janitor
from gameday.targets.kubernetes import system as system_module
from gameday.targets.kubernetes import target as target_module
from gameday.targets.kubernetes.api import Api, KnownWorkload
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.kubernetes.system import KubernetesSystem
from gameday.targets.kubernetes.undo import Undo, broken
from gameday.targets.protocol import TargetError
from samples import planned

PART = Part(name="web", workload="web", kind="http", port=8080)
SITE = Site(
    "kind-gameday", "shop", "run-1", {"web": PART, "cache": replace(PART, name="cache", workload="redis")}, (), {}
)
WEB, REDIS = (
    f"/apis/apps/v1/namespaces/shop/{kind}/{name}" for kind, name in (("deployments", "web"), ("statefulsets", "redis"))
)
WEB_WAITS, REDIS_WAITS = ahead.Waiting(WEB, 221), ahead.Waiting(REDIS, 240)


class Cluster:
    """The part of an API server that has Jobs, two workloads, and nodes that may not be read."""

    def __init__(self) -> None:
        """Have no Job yet."""
        self.jobs: dict[str, Any] = {}
        self.refused = ""
        self.annotations: dict[str, dict[str, str]] = {"web": {}, "redis": {}}

    def create_namespaced_job(self, namespace: str, body: Any) -> None:  # noqa: ANN401, ARG002 - as the library has it
        """Refuse a name that there is."""
        name = body["metadata"]["name"]
        if name in self.jobs:
            raise ApiException(status=409)
        status = SimpleNamespace(active=1, ready=not self.refused, succeeded=None, failed=None, completion_time=None)
        self.jobs[name] = SimpleNamespace(body=body, status=status, metadata=SimpleNamespace(deletion_timestamp=None))

    def read_namespaced_job(self, name: str, namespace: str) -> Any:  # noqa: ANN401, ARG002 - same
        """Return one."""
        if name not in self.jobs:
            raise ApiException(status=404)
        return self.jobs[name]

    def delete_namespaced_job(self, name: str, namespace: str, propagation_policy: str) -> None:  # noqa: ARG002 - same
        """Remove one, which is gone at once."""
        if self.jobs.pop(name, None) is None:
            raise ApiException(status=404)

    def list_namespaced_pod(self, namespace: str, label_selector: str) -> Any:  # noqa: ANN401, ARG002 - same
        """List the pod of a Job, which has ended with what it was refused."""
        ended = SimpleNamespace(exit_code=REFUSED, message=self.refused)
        status = SimpleNamespace(state=SimpleNamespace(terminated=ended))
        return SimpleNamespace(items=[SimpleNamespace(status=SimpleNamespace(container_statuses=[status]))])

    def list_namespaced_deployment(self, namespace: str) -> Any:  # noqa: ANN401, ARG002 - same
        """List web."""
        return SimpleNamespace(items=[self._workload("web")])

    def list_namespaced_stateful_set(self, namespace: str) -> Any:  # noqa: ANN401, ARG002 - same
        """List redis."""
        return SimpleNamespace(items=[self._workload("redis")])

    def list_node(self) -> None:
        """Refuse, as a Role without nodes does."""
        raise ApiException(status=403)

    def command(self, name: str) -> list[str]:
        """Return what a Job's container runs."""
        (container,) = self.jobs[name].body["spec"]["template"]["spec"]["containers"]
        return list(container["command"])

    def _workload(self, name: str) -> Any:  # noqa: ANN401 - as the library has it
        return SimpleNamespace(metadata=SimpleNamespace(name=name, annotations=self.annotations[name]))


@pytest.fixture
def cluster() -> Cluster:
    """Return an API server without Jobs."""
    return Cluster()


@pytest.fixture
def api(cluster: Cluster) -> Api:
    """Return a process's connection to it."""
    return connected(cluster)


def connected(cluster: Cluster) -> Api:
    """Connect one process."""
    found = Api("kind-gameday", Configuration())
    found.batch = found.apps = found.core = cluster
    found.workloads["shop", "web"] = KnownWorkload("deployment", "app=web")
    found.workloads["shop", "redis"] = KnownWorkload("statefulset", "app=redis")
    return found


def fault(name: str, start_s: float = 40.0, **parameters: JsonValue) -> PlannedFault:
    """Return a fault that begins at a time of the load."""
    return replace(planned(name, parameters).faults[0], start_s=start_s)


@pytest.mark.parametrize(
    ("planned_fault", "services"),
    [
        (fault("kill", service="web", down="8s"), ["web"]),
        (fault("scale", service="cache", replicas=0), ["cache"]),
        (fault("kill", service="web"), []),
        (fault("monkey", services=["web"]), []),
        (fault("drain", service="web"), []),
        (fault("pause", service="web"), []),
    ],
    ids=lambda value: value.fault if isinstance(value, PlannedFault) else "",
)
def test_what_changes_a_workload_has_its_job_ahead(planned_fault: PlannedFault, services: list[str]) -> None:
    """A kill without down changes none, and the node that a drain takes is known later."""
    assert list(ahead.waits([planned_fault])) == services


def test_a_job_waits_for_the_first_fault_on_its_workload() -> None:
    """One that begins later than any Job waits has its own."""
    first, second = fault("scale", 40.2, service="web", replicas=0), fault("kill", 90.0, service="web", down="8s")
    assert ahead.waits([second, first]) == {"web": 41 + ahead.LATE_S}
    assert ahead.waits([fault("scale", janitor.MOST_S - ahead.LATE_S, service="web", replicas=0)])
    assert not ahead.waits([fault("scale", janitor.MOST_S - ahead.LATE_S + 0.1, service="web", replicas=0)])


def test_an_injection_uses_the_job_that_waits(cluster: Cluster, api: Api) -> None:
    """Another process has started it, with time enough to wait and then to live as long as any."""
    ahead.start(api, SITE, (WEB_WAITS, REDIS_WAITS))
    ahead.start(api, SITE, (WEB_WAITS, REDIS_WAITS))
    there = set(cluster.jobs)
    assert len(there) == 2
    used = janitor.start(connected(cluster), SITE, path=WEB, spare=None)
    assert used == janitor.name_ahead(SITE, WEB)
    assert cluster.command(used)[-4:] == [WEB, used, "shop", "221"]
    assert cluster.jobs[used].body["spec"]["activeDeadlineSeconds"] == janitor.MOST_S + 221
    assert cluster.command(janitor.start(api, SITE, path=REDIS, spare=None))[-1] == "240"
    assert set(cluster.jobs) == there


def test_without_one_that_waits_an_injection_starts_its_own(cluster: Cluster, api: Api) -> None:
    """As a drain does, or a run whose Job is not there."""
    ahead.start(api, SITE, (WEB_WAITS,))
    name = janitor.start(api, replace(SITE, run="run-2"), path=WEB, spare=None)
    assert name != janitor.name_ahead(SITE, WEB)
    assert cluster.command(name)[-1] == str(janitor.FIRST_S)


def test_a_job_is_used_once(cluster: Cluster, api: Api) -> None:
    """It may have undone the first change and ended, and its status does not tell yet: a second change would have nobody."""
    ahead.start(api, SITE, (WEB_WAITS,))
    first = janitor.start(api, SITE, path=WEB, spare=None)
    second = janitor.start(api, SITE, path=WEB, spare=None)
    assert first != second
    assert set(cluster.jobs) == {first, second}


@pytest.mark.parametrize(
    "status", [{"active": None}, {"succeeded": 1}, {"failed": 1}, {"completion_time": "now"}, {"deleted": "now"}]
)
def test_a_job_that_has_ended_or_never_began_is_not_used(cluster: Cluster, api: Api, status: dict[str, Any]) -> None:
    """Whatever is doubtful is replaced by a new one."""
    ahead.start(api, SITE, (WEB_WAITS,))
    job = cluster.jobs[janitor.name_ahead(SITE, WEB)]
    job.metadata.deletion_timestamp = status.pop("deleted", None)
    vars(job.status).update(status)
    assert janitor.start(api, SITE, path=WEB, spare=None) != janitor.name_ahead(SITE, WEB)
    assert len(cluster.jobs) == 2


@pytest.mark.parametrize(
    ("refused", "cure"),
    [
        (
            'PATCH /apis: 403 deployments "web" is forbidden: User "gameday-janitor" cannot patch resource "deployments"',
            "next: gameday manifests shop janitor | kubectl --context kind-gameday apply --filename -",
        ),
        (
            "PATCH /apis: 422 ValidatingAdmissionPolicy 'owners' denied request: not by a robot",
            "next: let the cluster admit that change by the account gameday-janitor",
        ),
    ],
)
def test_an_undo_that_is_refused_is_told_with_what_would_help(
    cluster: Cluster, api: Api, refused: str, cure: str
) -> None:
    """A right is granted; what somebody's policy forbids is for them to decide. Nothing stays behind."""
    cluster.refused = refused
    with pytest.raises(TargetError) as told:
        janitor.start(api, SITE, path=WEB, spare=None)
    assert str(told.value).startswith(refused)
    assert str(told.value).endswith(cure)
    assert not cluster.jobs


def test_the_end_of_a_run_removes_what_nothing_needs(cluster: Cluster, api: Api) -> None:
    """Used or not, and twice is once; what it did not start it leaves alone."""
    ahead.start(api, SITE, (WEB_WAITS, REDIS_WAITS))
    other = janitor.start(api, replace(SITE, run="run-2"), path=WEB, spare=None)
    for _ in range(2):
        ahead.end(api, SITE, (WEB_WAITS, REDIS_WAITS))
        assert list(cluster.jobs) == [other]


def test_a_run_starts_it_with_its_last_step_before_the_load_and_removes_it_when_it_stops(
    cluster: Cluster, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a fault will need it, and only there."""
    for user in (system_module, target_module):
        monkeypatch.setattr(user, "open_api", lambda _: api)
    kind = {"context": "kind-gameday", "namespace": "shop", "url": "http://127.0.0.1:30080"}
    plain = System.model_validate(
        {
            "name": "mine",
            "targets": {"kind": kind},
            "services": {"web": {"port": 8080}},
            "routes": {"home": {"request": "GET /", "hard": ["web"]}},
        }
    )
    said: list[str] = []
    for each, count in ((fault("scale", service="web", replicas=0), 1), (fault("none"), 0)):
        host = KubernetesSystem(plain, claim=NoClaim("run-1"), progress=said.append, faults=(each,))
        host.reset()
        assert len(cluster.jobs) == len(said) == count
        host.stop()
        host.stop()
        assert not cluster.jobs
        said.clear()


def test_the_end_of_a_run_leaves_an_outstanding_undo_its_job(cluster: Cluster, api: Api) -> None:
    """It is what brings the workload back when nobody else does."""
    ahead.start(api, SITE, (WEB_WAITS, REDIS_WAITS))
    used = janitor.start(api, SITE, path=WEB, spare=None)
    undo = Undo("run-1", "kill", {"spec": {"replicas": 2}}, (), used, 5.0, "", "shop").renewed(5.0)
    cluster.annotations["web"] = {UNDO: undo.to_json()}
    ahead.end(api, SITE, (WEB_WAITS, REDIS_WAITS))
    assert list(cluster.jobs) == [used]


def test_an_annotation_that_nobody_understands_keeps_nothing_else_from_its_end(cluster: Cluster, api: Api) -> None:
    """No Job can do what it says either; it is told."""
    ahead.start(api, SITE, (WEB_WAITS, REDIS_WAITS))
    cluster.annotations["web"] = {UNDO: json.dumps("what nobody understands")}
    ahead.end(api, SITE, (WEB_WAITS, REDIS_WAITS))
    assert not cluster.jobs
    (sentence,) = broken(api, SITE)
    assert "kubectl annotate deployment web" in sentence
