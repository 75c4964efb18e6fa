"""Which pods are a service's, by who made them, and which of their containers is the service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from kubernetes.client import Configuration

from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.pods import Pod, made_for, pods_of, read_pod, services_of
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.protocol import TargetError

LONG = "checkout-service-with-a-rather-long-name-for-blue-green-1"[:54]
LABELS = {"app": "web"}
CONTAINER = {"name": "main", "image": "web:1"}
Json = dict[str, Any]


def pod(name: str, owner: tuple[str, str, str] | None = None, *, containers: Sequence[Json] = (CONTAINER,)) -> Json:
    """Return a pod as the API has it; its owner is a group, a kind and a name."""
    return _object(name, owner) | {"spec": {"containers": list(containers)}, "status": {"phase": "Running"}}


def _object(name: str, owner: tuple[str, str, str] | None) -> Json:
    references = []
    if owner is not None:
        version, kind, of = owner
        references = [{"apiVersion": version, "kind": kind, "name": of, "uid": f"uid-{of}", "controller": True}]
    metadata = {"name": name, "uid": f"uid-{name}", "ownerReferences": references, "labels": LABELS}
    return {"metadata": metadata | {"creationTimestamp": "2026-01-01T00:00:00Z"}}


def replica_set(name: str, deployment: str) -> Json:
    """Return a ReplicaSet of a Deployment."""
    return _object(name, ("apps/v1", "Deployment", deployment)) | {"spec": {"selector": {"matchLabels": LABELS}}}


class Server:
    """The part of an API server that has workloads, all with the same selector, and pods."""

    def __init__(
        self, api: Api, *, pods: Iterable[Json], sets: Iterable[Json] = (), stateful: Iterable[str] = ()
    ) -> None:
        """Answer a connection's requests."""
        self.pods, self._sets, self._stateful = list(pods), list(sets), tuple(stateful)
        self._client = api.client
        self.deployments: set[str] = {each["metadata"]["ownerReferences"][0]["name"] for each in self._sets}
        api.core = api.apps = self

    def list_namespaced_pod(self, namespace: str, **_: object) -> object:  # noqa: ARG002 - the library's signature
        """List all of them: the selector takes every one."""
        return self._read({"items": self.pods}, "V1PodList")

    def list_namespaced_replica_set(self, namespace: str) -> object:  # noqa: ARG002 - same
        """List all of them."""
        return self._read({"items": self._sets}, "V1ReplicaSetList")

    def read_namespaced_deployment(self, name: str, namespace: str) -> object:
        """Read one."""
        return self._workload(name, namespace, self.deployments, "V1Deployment")

    def read_namespaced_stateful_set(self, name: str, namespace: str) -> object:
        """Read one."""
        return self._workload(name, namespace, self._stateful, "V1StatefulSet")

    def _workload(self, name: str, namespace: str, there: Iterable[str], kind: str) -> object:
        if name not in there:
            raise NotFoundError(f"{namespace} has no {name}")
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}}
        spec = {"selector": {"matchLabels": LABELS}, "template": template, "serviceName": name}
        return self._read(_object(name, None) | {"spec": spec}, kind)

    def _read(self, value: Json, kind: str) -> object:
        return self._client.deserialize(json.dumps(value), kind, "application/json")


def site(**workloads: str) -> Site:
    """Return a system whose services have these workloads."""
    parts = {name: Part(name, workload, "http", 8080) for name, workload in workloads.items()}
    return Site("a-context", "a-namespace", "a-run", parts, (), {})


def names(pods: Iterable[Pod]) -> list[str]:
    """Return what they are called."""
    return [each.name for each in pods]


@pytest.fixture
def api() -> Api:
    """Return a connection without a server yet."""
    return Api("a-context", Configuration())


def test_a_deployment_s_pods_are_those_of_its_replica_sets_whatever_they_are_called(api: Api) -> None:
    """Of a long name Kubernetes cuts the end off, and a Job's pod may be called as if it were the Deployment's."""
    cut = f"{LONG}-7d9f8b6c5d"[:58]
    made = [
        pod(f"{cut}abcde", ("apps/v1", "ReplicaSet", "rs-1")),
        pod(f"{cut}fghij", ("apps/v1", "ReplicaSet", "rs-2")),
    ]
    strangers = [
        pod(f"{LONG}-migrate-x2x4z", ("batch/v1", "Job", f"{LONG}-migrate")),
        pod(f"{LONG}-5d8f7c9b4-x2x4z"),
        pod(f"{LONG}-0", ("apps.kruise.io/v1beta1", "StatefulSet", LONG)),
        pod(f"{LONG}-q8w2e", ("apps/v1", "DaemonSet", LONG)),
    ]
    Server(api, pods=made + strangers, sets=[replica_set("rs-1", LONG), replica_set("rs-2", LONG)])
    assert names(pods_of(api, site(web=LONG), "web")) == [each["metadata"]["name"] for each in made]


def test_two_workloads_with_one_selector_are_not_confused(api: Api) -> None:
    """Though each one's query finds the pods of both, and of a set that has the Deployment's name and a number."""
    pods = [
        pod("web-a", ("apps/v1", "ReplicaSet", "rs-web")),
        pod("web-canary-a", ("apps/v1", "ReplicaSet", "rs-canary")),
        pod("web-0", ("apps/v1", "StatefulSet", "ledger")),
    ]
    sets = [replica_set("rs-web", "web"), replica_set("rs-canary", "web-canary")]
    Server(api, pods=pods, sets=sets, stateful=["ledger"])
    system = site(web="web", canary="web-canary", ledger="ledger")
    assert {name: names(pods_of(api, system, name)) for name in system.services} == {
        "web": ["web-a"],
        "canary": ["web-canary-a"],
        "ledger": ["web-0"],
    }


def test_a_pod_that_has_been_seen_is_known_when_it_is_gone(api: Api) -> None:
    """An endpoint of it may be told of later; of one that nobody has seen nothing is guessed."""
    server = Server(api, pods=[pod("a", ("apps/v1", "ReplicaSet", "rs"))], sets=[replica_set("rs", "web")])
    system = site(web="web", admin="web", other="other")
    assert services_of(api, system, api.core.list_namespaced_pod("a-namespace").items) == {"uid-a": ("web", "admin")}
    server.pods.clear()
    assert pods_of(api, system, "web") == ()
    assert made_for(api, system, "uid-a") == ("web", "admin")
    assert made_for(api, system, "uid-b") == ()


def chosen(containers: Sequence[Json], part: Part, **annotations: str) -> str:
    """Return which container of a pod is taken for the service."""
    api = Api("a-context", Configuration())
    there = pod("a", containers=containers)
    there["metadata"]["annotations"] = annotations
    server = Server(api, pods=[there])
    (found,) = server.list_namespaced_pod("a-namespace").items  # type: ignore[attr-defined]  # the library has no types
    return read_pod(found, part).container


def container(name: str, *ports: int) -> Json:
    """Return one that declares these ports."""
    return {"name": name, "image": "an-image", "ports": [{"containerPort": port} for port in ports]}


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([container("metrics", 9797), container("app", 8080)], "app"),
        ([container("helper"), container("shop-web")], "shop-web"),
        ([container("helper"), container("web")], "web"),
        ([container("istio-proxy", 15090), container("app")], "app"),
        ([container("envoy", 8080), container("app")], "envoy"),
        ([container("envoy", 8080), container("app", 8080)], "app"),
        ([container("main"), container("helper")], "main"),
        ([container("istio-proxy")], "istio-proxy"),
    ],
)
def test_the_service_is_the_container_that_has_its_port_or_its_name_or_is_no_sidecar(
    containers: Sequence[Json], expected: str
) -> None:
    """Wherever it stands in the list."""
    part = Part("web", "shop-web", "http", 8080)
    assert chosen(containers, part) == expected
    assert chosen(containers[::-1], part) == expected or expected == "main"


def test_a_pod_or_the_system_file_may_name_the_container() -> None:
    """The file is believed before the port, and the port before the pod's own word."""
    both = [container("a"), container("b")]
    part = Part("web", "shop-web", "http", 8080)
    default = {"kubectl.kubernetes.io/default-container": "b"}
    assert chosen(both, part, **default) == "b"
    assert chosen([container("a", 8080), container("b")], part, **default) == "a"
    assert chosen(both, replace(part, container="a"), **default) == "a"
    with pytest.raises(TargetError, match=r"no container c, which services\.web\.container .* they have: a, b"):
        chosen(both, replace(part, container="c"))


def test_restarts_and_rights_are_those_of_that_container() -> None:
    """A sidecar that was started again is no new process of the service's."""
    context = {"runAsUser": 7, "capabilities": {"drop": ["ALL"]}}
    there = pod("a", containers=[container("side"), container("app", 8080) | {"securityContext": context}])
    there["spec"] |= {"securityContext": {"runAsUser": 5, "runAsGroup": 6}, "shareProcessNamespace": True}
    states = [
        {"name": name, "restartCount": count, "ready": True, "image": "", "imageID": ""}
        for name, count in (("side", 4), ("app", 1))
    ]
    there["status"] |= {"containerStatuses": states}
    server = Server(Api("a-context", Configuration()), pods=[there])
    (found,) = server.list_namespaced_pod("a-namespace").items  # type: ignore[attr-defined]  # same
    read = read_pod(found, Part("web", "web", "http", 8080))
    assert (read.restarts, read.user, read.group, read.capabilities) == (1, 7, 6, {"drop": ["ALL"]})
    assert read.shares_processes
