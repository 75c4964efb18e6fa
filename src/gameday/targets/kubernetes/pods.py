"""The pods of a service, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubernetes.client import (
    V1Container,
    V1ContainerStatus,
    V1LabelSelector,
    V1Pod,
)

from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api, KnownWorkload, NotFoundError, WorkloadKind
from gameday.targets.kubernetes.site import Site

AGENT = "gameday-"
"""How the names of our ephemeral containers begin: ``gameday-network-1``."""


@dataclass(frozen=True, slots=True)
class AgentContainer:
    """
    An ephemeral container of ours.

    Attributes:
        name: ``gameday-MODE-NUMBER``.
        mode: ``network`` or ``process``.
        run: Whose it is.
        token: What it must be shown; from the pod's own declaration, which whoever may read the pod may read.
        running: It has started and not ended.
        over: It has ended, and stays so: an ephemeral container is never started again.
        waiting: Why it has not started, in the kubelet's words; empty when it has.
    """

    name: str
    mode: str
    run: str
    token: str
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
        restarts: How often its first container was started again.
        container: The name of its first container.
        user: The uid that its first container runs as; None when only its image says.
        agents: Our ephemeral containers in it, in order.
        created_s: When it was made, in seconds since the epoch.
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
    agents: tuple[AgentContainer, ...]
    created_s: float

    @property
    def identity(self) -> str:
        """Tell this process from its successor: another pod, or the same with its container started again."""
        return f"{self.uid}/{self.restarts}"

    @property
    def usable(self) -> bool:
        """Tell whether it runs and is to stay."""
        return self.phase == "Running" and bool(self.ip) and not self.terminating

    def agent(self, mode: str) -> AgentContainer | None:
        """Return the newest agent of a mode that has not ended."""
        return next((each for each in reversed(self.agents) if each.mode == mode and not each.over), None)


def pods_of(api: Api, site: Site, service: str) -> tuple[Pod, ...]:
    """
    Return the pods of a service that have not ended, ordered by name; those that are ending are among them.

    Raises:
        NotFoundError: It has no such workload.
        TargetError: See ``Api.translated``.
    """
    chosen = selector(api, site.namespace, site.part(service).workload)
    with api.translated(f"listing the pods of {service}"):
        found = api.core.list_namespaced_pod(site.namespace, label_selector=chosen).items
    pods = (read_pod(each, service) for each in found)
    return tuple(sorted((pod for pod in pods if pod.phase not in {"Succeeded", "Failed"}), key=lambda pod: pod.name))


def pod_of(api: Api, site: Site, name: str, service: str) -> Pod | None:
    """Read one pod of a service again; None when it is gone. Raises ``TargetError``."""
    try:
        with api.translated(f"reading pod {name}"):
            return read_pod(api.core.read_namespaced_pod(name, site.namespace), service)
    except NotFoundError:
        return None


def selector(api: Api, namespace: str, workload: str) -> str:
    """
    Return what the pods of a workload are found by, as the API's query language writes it.

    Raises:
        NotFoundError: There is none of this name.
    """
    return _known(api, namespace, workload).query


def labels(api: Api, namespace: str, workload: str) -> Mapping[str, str]:
    """Return the labels that a workload's pods get. Raises ``NotFoundError``."""
    return _known(api, namespace, workload).labels


def kind_of(api: Api, namespace: str, workload: str) -> WorkloadKind:
    """Return what kind of workload it is. Raises ``NotFoundError``."""
    return _known(api, namespace, workload).kind


def _known(api: Api, namespace: str, workload: str) -> KnownWorkload:
    known = api.workloads.get((namespace, workload))
    if known is None:
        kind, found = controllers.find(api, namespace, workload)
        known = KnownWorkload(kind, query(found.spec.selector), dict(found.spec.template.metadata.labels or {}))
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


def read_pod(pod: V1Pod, service: str) -> Pod:
    """Return a pod of the API as a value."""
    spec, status = pod.spec, pod.status
    main = spec.containers[0]
    conditions = {each.type: each.status for each in status.conditions or ()}
    states = {each.name: each for each in status.container_statuses or ()}
    of_agents = {each.name: each for each in status.ephemeral_container_statuses or ()}
    ours = [each for each in spec.ephemeral_containers or () if each.name.startswith(AGENT)]
    return Pod(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        service=service,
        node=spec.node_name or "",
        ip=status.pod_ip or "",
        host_network=bool(spec.host_network),
        phase=status.phase or "",
        ready=conditions.get("Ready") == "True",
        terminating=pod.metadata.deletion_timestamp is not None,
        restarts=states[main.name].restart_count if main.name in states else 0,
        container=main.name,
        user=_user(main, pod),
        agents=tuple(_agent(each, of_agents.get(each.name)) for each in ours),
        created_s=pod.metadata.creation_timestamp.timestamp(),
    )


def _user(container: V1Container, pod: V1Pod) -> int | None:
    for context in (container.security_context, pod.spec.security_context):
        if context is not None and context.run_as_user is not None:
            return int(context.run_as_user)
    return None


def _agent(container: V1Container, status: V1ContainerStatus | None) -> AgentContainer:
    environment = {each.name: each.value or "" for each in container.env or ()}
    state = status.state if status else None
    waiting = state.waiting if state else None
    return AgentContainer(
        name=container.name,
        mode=container.name.removeprefix(AGENT).rpartition("-")[0],
        run=environment.get("GAMEDAY_RUN", ""),
        token=environment.get("GAMEDAY_TOKEN", ""),
        running=bool(state and state.running),
        over=bool(state and state.terminated),
        waiting=": ".join(filter(None, (waiting.reason, waiting.message))) if waiting else "",
    )
