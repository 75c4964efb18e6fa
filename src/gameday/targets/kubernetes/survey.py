"""Look at a namespace and tell its workloads: what they speak, where they listen, whom they seem to call. Reads, changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubernetes.client import V1Container, V1EnvVar, V1Service

from gameday.experiment.surveyed import Seen, Survey
from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.controllers import Controller
from gameday.targets.protocol import TargetError

_BY_IMAGE: Mapping[str, str] = {"redis": "redis", "valkey": "redis", "postgres": "postgres", "postgresql": "postgres"}
_BY_PORT: Mapping[int, str] = {6379: "redis", 5432: "postgres"}
_PASSWORDS = {"REDIS_PASSWORD", "VALKEY_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"}
_SCRAPE, _PATH, _PORT = "prometheus.io/scrape", "prometheus.io/path", "prometheus.io/port"


@dataclass(frozen=True, slots=True)
class _Look:
    """All that one look at a namespace read."""

    workloads: tuple[Controller, ...]
    services: tuple[V1Service, ...]
    node: str | None


def survey(api: Api, namespace: str) -> Survey:
    """
    Look at a namespace once.

    Raises:
        TargetError: There is no such namespace, nothing runs in it, or it cannot be read.
    """
    with api.translated(f"reading the namespace {namespace}"):
        api.core.read_namespace(namespace)
        services = tuple(api.core.list_namespaced_service(namespace).items)
    workloads = tuple(each for _, each in controllers.every(api, namespace))
    if not workloads:
        raise TargetError(f"nothing runs in the namespace {namespace}: it has no Deployment and no StatefulSet")
    look = _Look(workloads, services, _node(api))
    seen = sorted((_seen(each, look) for each in workloads), key=lambda one: one.workload)
    return Survey(api.context, namespace, tuple(seen))


def _node(api: Api) -> str | None:
    """Return an address of a node, where NodePorts are; None when the account may not know."""
    try:
        with api.translated("reading the nodes"):
            nodes = api.core.list_node().items
    except TargetError:
        return None
    return next(
        (each.address for node in nodes for each in node.status.addresses or () if each.type == "InternalIP"), None
    )


def _seen(workload: Controller, look: _Look) -> Seen:
    containers: list[V1Container] = list(workload.spec.template.spec.containers)
    services = tuple(_services(workload, look.services))
    port = _port(containers, services)
    kind, why = _kind(containers, port)
    return Seen(
        workload=workload.metadata.name,
        replicas=workload.spec.replicas if workload.spec.replicas is not None else 1,
        kind=kind,
        why=why,
        port=port,
        path=_path(containers),
        metrics=_metrics(workload, port),
        password=_password(containers) if kind != "http" else None,
        calls=tuple(sorted(set(_calls(workload, containers, look)))),
        url=_url(services, look.node),
    )


def _services(workload: Controller, services: Iterable[V1Service]) -> Iterator[V1Service]:
    """Yield the Services whose selector takes a workload's pods."""
    labels = workload.spec.template.metadata.labels or {}
    for service in services:
        selector = service.spec.selector or {}
        if selector and all(labels.get(key) == value for key, value in selector.items()):
            yield service


def _port(containers: Iterable[V1Container], services: Iterable[V1Service]) -> int | None:
    """Return where the pods listen: what a Service leads to by number, else the first port that a container declares."""
    declared = {port.name: port.container_port for each in containers for port in each.ports or ()}
    for service in services:
        for port in service.spec.ports or ():
            target = port.target_port if port.target_port is not None else port.port
            if isinstance(target, int):
                return target
            if str(target) in declared:
                return int(declared[str(target)])
    return next(iter(declared.values()), None)


def _kind(containers: Iterable[V1Container], port: int | None) -> tuple[str, str]:
    for each in containers:
        name = re.split(r"[:@]", each.image.rsplit("/", 1)[-1])[0]
        if name in _BY_IMAGE:
            return _BY_IMAGE[name], f"by its image {each.image}"
    if port is not None and port in _BY_PORT:
        return _BY_PORT[port], f"by its port {port}"
    return "http", "guessed"


def _path(containers: Iterable[V1Container]) -> str | None:
    for each in containers:
        for probe in (each.readiness_probe, each.liveness_probe):
            if probe is not None and probe.http_get is not None:
                return str(probe.http_get.path or "/")
    return None


def _metrics(workload: Controller, port: int | None) -> str | None:
    annotations = workload.spec.template.metadata.annotations or {}
    if annotations.get(_SCRAPE) != "true" or annotations.get(_PORT, str(port)) != str(port):
        return None
    return str(annotations.get(_PATH, "/metrics"))


def _password(containers: Iterable[V1Container]) -> tuple[str, str] | None:
    for each in _variables(containers):
        found = each.value_from.secret_key_ref if each.value_from is not None else None
        if each.name in _PASSWORDS and found is not None:
            return str(found.name), str(found.key)
    return None


def _calls(workload: Controller, containers: Iterable[V1Container], look: _Look) -> Iterator[str]:
    """Yield the workloads behind Services that the environment, the command or the arguments name as a host."""
    told = [str(each.value) for each in _variables(containers) if each.value]
    told += [text for each in containers for text in (*(each.command or ()), *(each.args or ()))]
    for service in look.services:
        # A host stands alone, behind // or @, or before a port or the cluster's own domains; not within another word.
        host = re.compile(rf"(?<![\w.-]){re.escape(service.metadata.name)}(?![\w-])")
        if not any(map(host.search, told)):
            continue
        for other in look.workloads:
            if other.metadata.name != workload.metadata.name and any(_services(other, (service,))):
                yield str(other.metadata.name)


def _variables(containers: Iterable[V1Container]) -> Iterator[V1EnvVar]:
    for each in containers:
        yield from each.env or ()


def _url(services: Iterable[V1Service], node: str | None) -> str | None:
    """Return where a Service can be reached from outside: its load balancer, else its NodePort on a node."""
    for service in services:
        port = next(iter(service.spec.ports or ()), None)
        if port is None:
            continue
        balancer = service.status.load_balancer if service.status is not None else None
        for ingress in (balancer.ingress if balancer is not None else None) or ():
            return f"http://{ingress.hostname or ingress.ip}:{port.port}"
        if port.node_port:
            return f"http://{node or '127.0.0.1'}:{port.node_port}"
    return None
