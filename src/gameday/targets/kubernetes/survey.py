"""Survey a namespace: what its workloads speak, where they listen, whom they seem to call, what they lack. Reads, changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kubernetes.client import (
    V1Container,
    V1ContainerPort,
    V1ContainerStatus,
    V1EnvVar,
    V1Pod,
    V1PodDisruptionBudget,
    V1Service,
    V1ServicePort,
)

from gameday.experiment.surveyed import Seen, Survey
from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api, ForbiddenError, WorkloadKind
from gameday.targets.kubernetes.controllers import Controller
from gameday.targets.protocol import TargetError

_BY_IMAGE: Mapping[str, str] = {"redis": "redis", "valkey": "redis", "postgres": "postgres", "postgresql": "postgres"}
_BY_PORT: Mapping[int, str] = {6379: "redis", 5432: "postgres"}
_PASSWORDS = {"REDIS_PASSWORD", "VALKEY_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"}
_SCRAPE, _PATH, _PORT = "prometheus.io/scrape", "prometheus.io/path", "prometheus.io/port"


_TLS = re.compile(r"https|tls|ssl", re.IGNORECASE)
_TLS_PORTS = frozenset({443, 8443})
_BESIDE = re.compile(r"metric|prom|admin|health|debug|profil|grpc|h2c", re.IGNORECASE)
"""Names of ports that users do not call over HTTP/1."""
_UNSEEN: tuple[tuple[str, str], ...] = (
    ("apps.list_namespaced_daemon_set", "DaemonSet"),
    ("batch.list_namespaced_cron_job", "CronJob"),
)
"""Workloads of which a system file has none."""


@dataclass(frozen=True, slots=True)
class _Look:
    """All that one look at a namespace read; what the account may not list is None."""

    namespace: str
    workloads: tuple[tuple[WorkloadKind, Controller], ...]
    services: tuple[V1Service, ...]
    pods: tuple[V1Pod, ...] | None
    budgets: tuple[V1PodDisruptionBudget, ...] | None
    node: str | None


def survey(api: Api, namespace: str) -> Survey:
    """
    Read a namespace once.

    Raises:
        TargetError: There is no such namespace, nothing runs in it, or it cannot be read.
    """
    with api.translated(f"reading the namespace {namespace}"):
        api.core.read_namespace(namespace)
        services = tuple(api.core.list_namespaced_service(namespace).items)
    workloads = controllers.every(api, namespace)
    if not workloads:
        raise TargetError(f"nothing runs in the namespace {namespace}: it has no Deployment and no StatefulSet")
    pods = _listed(api, namespace, api.core.list_namespaced_pod)
    budgets = _listed(api, namespace, api.policy.list_namespaced_pod_disruption_budget)
    look = _Look(namespace, workloads, services, pods, budgets, _node(api))
    seen = sorted((_seen(kind, each, look) for kind, each in workloads), key=lambda one: one.workload)
    return Survey(api.context, namespace, tuple(seen), tuple(_unseen(api, look)))


def _listed(api: Api, namespace: str, of_namespace: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """List objects of a namespace; None where the account may not."""
    try:
        with api.translated(f"listing objects of {namespace}"):
            return tuple(of_namespace(namespace).items)
    except ForbiddenError:
        return None


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


def _unseen(api: Api, look: _Look) -> Iterator[str]:
    """Yield what the drafts leave out, a sentence each."""
    if look.pods is None:
        yield "pods could not be listed with this account, so what crashes or waits is not told"
    if look.budgets is None:
        yield "disruption budgets could not be listed with this account"
    if look.node is None:
        yield "nodes could not be listed with this account, so a NodePort is written with the address 127.0.0.1"
    for path, kind in _UNSEEN:
        group, _, function = path.partition(".")
        found = _listed(api, look.namespace, getattr(getattr(api, group), function))
        names = ", ".join(each.metadata.name for each in found or ())
        if found is None or names:
            yield f"{kind}s are left out: {names}" if names else f"{kind}s could not be listed with this account"
    bare = ", ".join(pod.metadata.name for pod in look.pods or () if not pod.metadata.owner_references)
    if bare:
        yield f"pods without a Deployment or StatefulSet are left out: {bare}"
    for service in look.services:
        if not service.spec.selector and service.metadata.name != "kubernetes":
            outside = f" ({service.spec.external_name})" if service.spec.external_name else ""
            yield f"Service {service.metadata.name}{outside} chooses no pods: what is behind it is left out"


def _seen(of: WorkloadKind, workload: Controller, look: _Look) -> Seen:
    containers: list[V1Container] = list(workload.spec.template.spec.containers)
    services = tuple(_services(workload, look.services))
    ports = sorted(_ports(containers, services), key=lambda each: each.rank)
    port = ports[0].target if ports else next((each.container_port for each in _declared(containers)), None)
    kind, why = _kind(containers, port)
    metrics, metrics_port = _metrics(workload, services, port)
    return Seen(
        workload=workload.metadata.name,
        of=of,
        replicas=workload.spec.replicas if workload.spec.replicas is not None else 1,
        kind=kind,
        why=why,
        port=port,
        path=_path(containers),
        metrics=metrics,
        metrics_port=metrics_port,
        password=_password(containers) if kind != "http" else None,
        calls=tuple(sorted(set(_calls(workload, containers, look)))),
        url=_url(ports, look.node),
        tls=bool(ports) and all(each.tls for each in ports),
        warnings=(*_troubles(workload, look), *_lacks(workload, containers, look), *_hidden(containers)),
    )


def _services(workload: Controller, services: Iterable[V1Service]) -> Iterator[V1Service]:
    """Yield the Services whose selector takes a workload's pods."""
    labels = workload.spec.template.metadata.labels or {}
    for service in services:
        selector = service.spec.selector or {}
        if selector and all(labels.get(key) == value for key, value in selector.items()):
            yield service


@dataclass(frozen=True, slots=True)
class _Port:
    """A port of a Service, and the container's port behind it; ``rank`` is lowest for the one that users call over HTTP."""

    service: V1Service
    port: V1ServicePort
    target: int
    tls: bool
    rank: tuple[bool, bool, bool]


def _declared(containers: Iterable[V1Container]) -> Iterator[V1ContainerPort]:
    for each in containers:
        yield from each.ports or ()


def _ports(containers: Iterable[V1Container], services: Iterable[V1Service]) -> Iterator[_Port]:
    """Yield the ports of a workload's Services, without those whose names lead to no container's port."""
    named = {port.name: port for port in _declared(containers) if port.name}
    by_number = {port.container_port: port for port in _declared(containers)}
    for service in services:
        for port in service.spec.ports or ():
            target = port.target_port if port.target_port is not None else port.port
            declared = by_number.get(target) if isinstance(target, int) else named.get(str(target))
            number = target if isinstance(target, int) else declared.container_port if declared else None
            if number is None:
                continue
            words = " ".join(filter(None, (port.name, port.app_protocol, declared.name if declared else "")))
            tls = bool(_TLS.search(words)) or bool({port.port, number} & _TLS_PORTS)
            rank = tls, bool(_BESIDE.search(words)), not re.search(r"http|web", words, re.IGNORECASE)
            yield _Port(service, port, int(number), tls, rank)


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


def _metrics(workload: Controller, services: Iterable[V1Service], port: int | None) -> tuple[str | None, int | None]:
    """Return the path of the Prometheus page by the annotations of pods or Services, and its port where that is another one."""
    for annotated in (workload.spec.template, *services):
        annotations = annotated.metadata.annotations or {}
        if annotations.get(_SCRAPE) == "true":
            number = annotations.get(_PORT, "")
            other = int(number) if number.isdecimal() and int(number) != port else None
            return str(annotations.get(_PATH, "/metrics")), other
    return None, None


def _password(containers: Iterable[V1Container]) -> tuple[str, str] | None:
    for each in _variables(containers):
        found = each.value_from.secret_key_ref if each.value_from is not None else None
        if each.name in _PASSWORDS and found is not None:
            return str(found.name), str(found.key)
    return None


def _calls(workload: Controller, containers: Iterable[V1Container], look: _Look) -> Iterator[str]:
    """Yield the workloads behind Services that the environment, the command or the arguments name as a host."""
    texts = [str(each.value) for each in _variables(containers) if each.value]
    texts += [text for each in containers for text in _addresses((*(each.command or ()), *(each.args or ())))]
    for service in look.services:
        host = _host(service.metadata.name, look.namespace)
        if not any(map(host.search, texts)):
            continue
        for _, other in look.workloads:
            if other.metadata.name != workload.metadata.name and any(_services(other, (service,))):
                yield str(other.metadata.name)


def _addresses(words: Sequence[str]) -> Iterator[str]:
    """
    Yield the words of a command that may be addresses.

    A bare one is, such as ``serve``, only as the value of an option.
    """
    for before, word in pairwise(("", *words)):
        if before.startswith("--") or not re.fullmatch(r"[\w-]+", word):
            yield word


def _host(service: str, namespace: str) -> re.Pattern[str]:
    """
    Return how a Service is named as a host: alone, behind // or @, or before a port, with the cluster's domains or without.

    A pod behind a headless Service is ``store-0.store``.
    """
    domains = rf"(?:\.{re.escape(namespace)}(?:\.svc[\w.-]*)?)?\.?"
    return re.compile(rf"(?<![\w.-])(?:[a-z0-9][a-z0-9-]*\.)?{re.escape(service)}{domains}(?![\w.-])")


def _variables(containers: Iterable[V1Container]) -> Iterator[V1EnvVar]:
    for each in containers:
        yield from each.env or ()


def _url(ports: Iterable[_Port], node: str | None) -> str | None:
    """Return where plain HTTP can be reached from outside: a load balancer, else a NodePort on a node; None when nothing leads in."""
    for each in ports:
        if each.tls:
            continue
        status = each.service.status
        balancer = status.load_balancer if status is not None else None
        for ingress in (balancer.ingress if balancer is not None else None) or ():
            return f"http://{ingress.hostname or ingress.ip}:{each.port.port}"
        if each.port.node_port:
            return f"http://{node or '127.0.0.1'}:{each.port.node_port}"
    return None


def _own_pods(workload: Controller, look: _Look) -> Iterator[V1Pod]:
    """Yield the pods that a workload's selector chooses by its labels."""
    wanted = (workload.spec.selector.match_labels or {}).items()
    for pod in look.pods or ():
        if wanted and wanted <= (pod.metadata.labels or {}).items():
            yield pod


def _troubles(workload: Controller, look: _Look) -> Iterator[str]:
    """Yield what keeps a workload's containers from running now, once for all pods that are alike."""
    pods: dict[str, list[str]] = {}
    for pod in _own_pods(workload, look):
        initial = (trouble(status, done=0) for status in pod.status.init_container_statuses or ())
        for text in filter(None, (*initial, *map(trouble, pod.status.container_statuses or ()))):
            pods.setdefault(text, []).append(pod.metadata.name)
    for text, names in pods.items():
        yield f"{text}, in {', '.join(names)}; a run begins only when all replicas are ready"


def trouble(status: V1ContainerStatus, *, done: int | None = None) -> str | None:
    """
    Return why a container does not run; None where it does, is being made, or ended with the code ``done``.

    One that crashes again and again is seen as ended just as well as waiting for its next start.
    """
    state = status.state
    if state is None:
        return None
    if state.terminated is not None:
        ended, word = state.terminated, "ended"
        reason = None if ended.exit_code == done else ended.reason or "Error"
    else:
        ended, word = (status.last_state.terminated if status.last_state is not None else None), "waits"
        reason = state.waiting.reason if state.waiting is not None else None
    if reason in {None, "ContainerCreating", "PodInitializing"}:
        return None
    how = f" (exit code {ended.exit_code})" if ended is not None else ""
    return f"container {status.name} {word}: {reason}{how}"


def _lacks(workload: Controller, containers: Iterable[V1Container], look: _Look) -> Iterator[str]:
    """Yield what a workload lacks to survive what a game day does to it, each with the reason."""
    containers = tuple(containers)
    replicas = workload.spec.replicas if workload.spec.replicas is not None else 1
    if replicas == 1:
        yield "one replica: when it goes, or its node, nobody serves until another is ready"
    if not any(each.readiness_probe for each in containers):
        yield "no readiness probe: requests reach a new pod before it can answer them"
    if not any(each.liveness_probe for each in containers):
        yield "no liveness probe: a process that hangs is not started again"
    for what, why in (("memory", "a leak takes from its neighbours"), ("cpu", "a busy pod takes from its neighbours")):
        if not all(each.resources and (each.resources.limits or {}).get(what) for each in containers):
            yield f"no {what} limit: {why} on the node"
    if replicas > 1 and look.budgets is not None and not _budgeted(workload, look.budgets):
        yield "no disruption budget: a drain of nodes may take all replicas at once"


def _budgeted(workload: Controller, budgets: Iterable[V1PodDisruptionBudget]) -> bool:
    labels = (workload.spec.template.metadata.labels or {}).items()
    selectors = (each.spec.selector for each in budgets)
    return any(each is not None and (each.match_labels or {}).items() <= labels for each in selectors)


def _hidden(containers: Iterable[V1Container]) -> Iterator[str]:
    """Yield which parts of an environment could not be read, where more callees may be named."""
    sources = {
        source
        for each in containers
        for source in (
            *(f"ConfigMap {one.config_map_ref.name}" for one in each.env_from or () if one.config_map_ref),
            *(f"Secret {one.secret_ref.name}" for one in each.env_from or () if one.secret_ref),
            *(
                f"ConfigMap {one.value_from.config_map_key_ref.name}"
                for one in each.env or ()
                if one.value_from and one.value_from.config_map_key_ref
            ),
        )
    }
    if sources:
        yield f"its environment comes in part from {', '.join(sorted(sources))}, which init does not read: whom it calls may be missing"
