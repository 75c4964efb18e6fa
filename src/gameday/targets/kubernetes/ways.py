"""Which connections of which pods an edge is: into a service's port, or out of its caller towards it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubernetes.client import V1Service

from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.pods import labels, pods_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

OUTSIDE = "load"


@dataclass(frozen=True, slots=True)
class Way:
    """
    How an edge's connections are found in a pod.

    Attributes:
        edge: ``caller -> callee``.
        service: In whose pods: the callee's where the caller is ``load``, else the caller's.
        kind: What the callee speaks.
        port: Where the connections go to.
        hosts: The addresses that they go to, first those that do not change with the pods; None for all that come in.
    """

    edge: str
    service: str
    kind: str
    port: int
    hosts: tuple[str, ...] | None

    def parameters(self) -> dict[str, object]:
        """Return what an agent's ``open`` is told."""
        side = {"side": "in"} if self.hosts is None else {"side": "out", "hosts": list(self.hosts)}
        return {"edge": self.edge, "port": self.port, **side}


def pods_at(edge: str) -> str:
    """Return the service in whose pods an edge is led."""
    caller, callee = edge.split(" -> ")
    return callee if caller == OUTSIDE else caller


def way_of(api: Api, site: Site, edge: str) -> Way:
    """
    Find an edge's connections as they are now: pods come and go.

    Raises:
        TargetError: The system has no such edge, or its callee has no address.
    """
    if edge not in site.edges:
        raise TargetError(f"no edge {edge!r}; the system has: {', '.join(site.edges)}")
    caller, callee = edge.split(" -> ")
    part = site.part(callee)
    if caller == OUTSIDE:
        return Way(edge, callee, part.kind, part.port, None)
    port, hosts = _addresses(api, site, callee)
    if not hosts:
        raise TargetError(
            f"{callee} has no address that {caller} could call: no Service chooses its pods, and none is running"
        )
    return Way(edge, caller, part.kind, port, hosts)


def _addresses(api: Api, site: Site, service: str) -> tuple[int, tuple[str, ...]]:
    """Return the port and the addresses that a service is called at: its Services' own, and its pods' where the port is the same."""
    part = site.part(service)
    own = {
        (host, each.port)
        for found in _services(api, site, part.workload)
        for host in _own(found)
        for each in found.spec.ports
    }
    ports = {port for _, port in own}
    port = part.port if part.port in ports or not ports else min(ports)
    services = {host for host, at in own if at == port}
    pods = {pod.ip for pod in pods_of(api, site, service) if pod.ip and port == part.port}
    return port, (*sorted(services), *sorted(pods - services))


def _services(api: Api, site: Site, workload: str) -> Iterator[V1Service]:
    """Yield the Services that choose a workload's pods."""
    with api.translated(f"listing the services of {site.namespace}"):
        found = api.core.list_namespaced_service(site.namespace).items
    of_pods = labels(api, site.namespace, workload).items()
    for each in found:
        if each.spec.selector and each.spec.selector.items() <= of_pods:
            yield each


def _own(service: V1Service) -> tuple[str, ...]:
    """Return a Service's own addresses of version 4; a headless one has none."""
    return tuple(host for host in service.spec.cluster_ips or () if host != "None" and ":" not in host)
