"""The pods of a service, as frozen values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubernetes.client import (
    V1Container,
    V1ContainerStatus,
    V1LabelSelector,
    V1ObjectMeta,
    V1Pod,
    V1PodSpec,
)

from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api, KnownWorkload, NotFoundError, WorkloadKind
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.protocol import TargetError

AGENT = "gameday-"
"""How the names of our ephemeral containers begin: ``gameday-network-1``."""
_NAMED = re.compile(rf"{AGENT}(network|process)-[0-9]+")
_DEFAULT = "kubectl.kubernetes.io/default-container"
"""The annotation by which a pod says which of its containers is meant where none is named."""
_SIDECARS = (
    "istio-proxy",
    "linkerd-proxy",
    "kuma-sidecar",
    "consul-dataplane",
    "envoy",
    "vault-agent",
    "cloud-sql-proxy",
    "daprd",
)
"""Containers that are beside a service and never are one; nobody has to name the service's then."""


@dataclass(frozen=True, slots=True)
class User:
    """As whom a process runs; ``capable`` when it has any capability."""

    uid: int
    gid: int
    capable: bool


@dataclass(frozen=True, slots=True)
class AgentContainer:
    """
    An ephemeral container of ours.

    Attributes:
        name: ``gameday-MODE-NUMBER``.
        mode: ``network`` or ``process``.
        run: Whose it is.
        key: The public part of the key pair whose commands it takes.
        running: It has started and not ended.
        over: It has ended, and stays so: an ephemeral container is never started again.
        waiting: Why it has not started, in the kubelet's words; empty when it has.
    """

    name: str
    mode: str
    run: str
    key: str
    running: bool
    over: bool
    waiting: str


@dataclass(frozen=True, slots=True)
class Pod:
    """
    One pod of a service.

    Attributes:
        name: Of this pod; its successor has another.
        uid: Of this pod.
        service: In the system file.
        node: Where it runs; empty before it is scheduled.
        ip: Its address; empty before it has one.
        host_network: It shares its node's network, so a redirect there would hit others.
        phase: The kubelet's word.
        ready: Its condition Ready holds.
        terminating: It has been asked to end.
        restarts: How often its service's container was started again.
        container: The name of the container that is the service.
        user: The uid that this one is declared to run as; None when only its image says.
        group: Its gid, likewise.
        capabilities: What this one adds to those that a container has by default, and drops of them, as declared.
        shares_processes: Its containers, or all of its node, have one process namespace, so no process in it is the container's first.
        agents: Our ephemeral containers in it, in order.
        created_s: When it was made, in seconds since the epoch.
        ips: Its addresses, of both versions of IP where it has both; ``ip`` first.
        labels: Its own.
        ports: Name (empty where it has none) and number of the TCP ports that its containers declare.
    """

    name: str
    uid: str
    service: str
    node: str
    ip: str
    host_network: bool
    phase: str
    ready: bool
    terminating: bool
    restarts: int
    container: str
    user: int | None
    group: int | None
    capabilities: Mapping[str, Any] | None
    shares_processes: bool
    agents: tuple[AgentContainer, ...]
    created_s: float
    ips: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[tuple[str, int], ...] = ()

    @property
    def identity(self) -> str:
        """Tell this process from its successor: another pod, or the same with its container started again."""
        return f"{self.uid}/{self.restarts}"

    @property
    def usable(self) -> bool:
        """Return whether it runs and is to stay."""
        return self.phase == "Running" and bool(self.ip) and not self.terminating

    def agent(self, mode: str) -> AgentContainer | None:
        """Return the newest agent of a mode that has not ended."""
        return next((each for each in reversed(self.agents) if each.mode == mode and not each.over), None)


def pods_of(api: Api, site: Site, service: str) -> tuple[Pod, ...]:
    """
    Return the pods that a service's workload made and that have not ended, ordered by name; those that are ending are among them.

    Another workload's may bear the same labels, as a Job's do whose template was copied: the owner references tell them apart.

    Raises:
        NotFoundError: It has no such workload.
        TargetError: See ``Api.translated``.
    """
    part = site.part(service)
    known = _known(api, site.namespace, part.workload)
    with api.translated(f"listing the pods of {service}"):
        found = api.core.list_namespaced_pod(site.namespace, label_selector=known.query).items
    controllers.learn_owners(api, site.namespace, found)
    pods = (read_pod(each, part) for each in found if api.owners[each.metadata.uid] == (known.kind, part.workload))
    return tuple(sorted((pod for pod in pods if pod.phase not in {"Succeeded", "Failed"}), key=lambda pod: pod.name))


def services_of(api: Api, site: Site, pods: Iterable[V1Pod]) -> Mapping[str, tuple[str, ...]]:
    """
    Return which services of a system each pod is of, by its uid: those whose workload made it, none for a stranger's.

    Raises:
        TargetError: See ``Api.translated``.
    """
    there = tuple(pods)
    controllers.learn_owners(api, site.namespace, there)
    return {pod.metadata.uid: made_for(api, site, pod.metadata.uid) for pod in there}


def made_for(api: Api, site: Site, uid: str) -> tuple[str, ...]:
    """Return of which services a pod is, or was, that ``pods_of`` or ``services_of`` has seen; none else."""
    owner = api.owners.get(uid)
    if owner is None:
        return ()
    kind, workload = owner
    services = tuple(part.name for part in site.services.values() if part.workload == workload)
    try:
        return services if services and kind_of(api, site.namespace, workload) == kind else ()
    except NotFoundError:  # it has been removed, and no other has its name
        return services


def pod_of(api: Api, site: Site, name: str, service: str) -> Pod | None:
    """Read one pod of a service again; None when it is gone. Raises ``TargetError``."""
    try:
        with api.translated(f"reading pod {name}"):
            return read_pod(api.core.read_namespaced_pod(name, site.namespace), site.part(service))
    except NotFoundError:
        return None


def selector(api: Api, namespace: str, workload: str) -> str:
    """
    Return what the pods of a workload are found by, as the API's query language writes it.

    Raises:
        NotFoundError: There is none of this name.
    """
    return _known(api, namespace, workload).query


def kind_of(api: Api, namespace: str, workload: str) -> WorkloadKind:
    """Return what kind of workload it is. Raises ``NotFoundError``."""
    return _known(api, namespace, workload).kind


def _known(api: Api, namespace: str, workload: str) -> KnownWorkload:
    known = api.workloads.get((namespace, workload))
    if known is None:
        kind, found = controllers.find(api, namespace, workload)
        known = KnownWorkload(kind, query(found.spec.selector))
        api.workloads[namespace, workload] = known
    return known


def query(selector: V1LabelSelector) -> str:
    """Write a selector as a query: ``app=web,tier in (a,b),!old``."""
    parts = [f"{key}={value}" for key, value in sorted((selector.match_labels or {}).items())]
    for each in selector.match_expressions or ():
        values = f"({','.join(each.values or ())})"
        parts.append(
            {
                "In": f"{each.key} in {values}",
                "NotIn": f"{each.key} notin {values}",
                "Exists": each.key,
                "DoesNotExist": f"!{each.key}",
            }[each.operator]
        )
    return ",".join(parts)


def read_pod(pod: V1Pod, part: Part) -> Pod:
    """Return a pod of the API as a value. Raises ``TargetError`` when it lacks the container that the system file names."""
    spec, status = pod.spec, pod.status
    main = service_container(spec.containers, part, pod.metadata)
    context, of_pod = main.security_context, spec.security_context
    declared = [each for each in (context, of_pod) if each is not None]
    conditions = {each.type: each.status for each in status.conditions or ()}
    states = {each.name: each for each in status.container_statuses or ()}
    of_agents = {each.name: each for each in status.ephemeral_container_statuses or ()}
    ours = [each for each in spec.ephemeral_containers or () if _NAMED.fullmatch(each.name)]
    ours.sort(key=lambda each: int(each.name.rpartition("-")[2]))  # the API server puts new ones before the others
    return Pod(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        service=part.name,
        node=spec.node_name or "",
        ip=status.pod_ip or "",
        host_network=bool(spec.host_network),
        phase=status.phase or "",
        ready=conditions.get("Ready") == "True",
        terminating=pod.metadata.deletion_timestamp is not None,
        restarts=states[main.name].restart_count if main.name in states else 0,
        container=main.name,
        user=next((int(each.run_as_user) for each in declared if each.run_as_user is not None), None),
        group=next((int(each.run_as_group) for each in declared if each.run_as_group is not None), None),
        capabilities=_capabilities(main),
        shares_processes=bool(spec.share_process_namespace or spec.host_pid),
        agents=tuple(_agent(each, of_agents.get(each.name)) for each in ours),
        created_s=pod.metadata.creation_timestamp.timestamp(),
        ips=tuple(each.ip for each in status.pod_ips or ()),
        labels=pod.metadata.labels or {},
        ports=declared_ports(spec),
    )


def declared_ports(spec: V1PodSpec) -> tuple[tuple[str, int], ...]:
    """Return name and number of the TCP ports that a pod's containers declare, those of init containers that stay included."""
    staying = (each for each in spec.init_containers or () if each.restart_policy == "Always")
    return tuple(
        (port.name or "", port.container_port)
        for container in (*spec.containers, *staying)
        for port in container.ports or ()
        if port.protocol in (None, "TCP")
    )


def service_container(containers: Iterable[V1Container], part: Part, metadata: V1ObjectMeta) -> V1Container:
    """
    Return which of a pod's containers is the service: the one that the system file names, or else that declares the service's port.

    Where none or several do, it is the one that the pod itself calls its default, that has the name of the service or the workload, or the
    first that is no known sidecar. Native sidecars are init containers, so they are none of these.

    Raises:
        TargetError: The system file names one that is not there.
    """
    there = list(containers)
    if part.container is not None:
        named = [each for each in there if each.name == part.container]
        if not named:
            names = ", ".join(each.name for each in there)
            raise TargetError(
                f"the pods of {part.name} have no container {part.container}, which services.{part.name}.container of the system file "
                f"names; they have: {names}"
            )
        return named[0]
    likely = [each for each in there if any(port.container_port == part.port for port in each.ports or ())] or there
    annotations = (metadata.annotations if metadata else None) or {}
    for name in (annotations.get(_DEFAULT), part.name, part.workload):
        for each in likely:
            if each.name == name:
                return each
    return next((each for each in likely if each.name not in _SIDECARS), likely[0])


def _capabilities(container: V1Container) -> Mapping[str, Any] | None:
    found = container.security_context.capabilities if container.security_context is not None else None
    if found is None:
        return None
    return {name: list(value) for name, value in (("add", found.add), ("drop", found.drop)) if value}


def _agent(container: V1Container, status: V1ContainerStatus | None) -> AgentContainer:
    environment = {each.name: each.value or "" for each in container.env or ()}
    state = status.state if status else None
    waiting = state.waiting if state else None
    return AgentContainer(
        name=container.name,
        mode=container.name.removeprefix(AGENT).rpartition("-")[0],
        run=environment.get("GAMEDAY_RUN", ""),
        key=environment.get("GAMEDAY_KEY", ""),
        running=bool(state and state.running),
        over=bool(state and state.terminated),
        waiting=": ".join(filter(None, (waiting.reason, waiting.message))) if waiting else "",
    )
