"""Which connections of which pods an edge is: into a service's port, or out of its caller towards it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kubernetes.client import V1Service, V1ServicePort

from gameday.agent.edge import Address
from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.pods import Pod, declared_ports, pods_of
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.protocol import TargetError

OUTSIDE = "load"


@dataclass(frozen=True, slots=True)
class Listener:
    """
    What a Service chooses pods and ports by.

    Attributes:
        name: The pod's; empty of the workload's template, which stands for pods while there is none.
        ips: Its addresses.
        labels: Its own.
        ports: Name and number of what its containers declare.
    """

    name: str
    ips: tuple[str, ...]
    labels: Mapping[str, str]
    ports: tuple[tuple[str, int], ...]

    def resolve(self, port: V1ServicePort) -> int | None:
        """Return to which of its ports a Service's leads; None where it names one that no container declares."""
        target = port.port if port.target_port is None else port.target_port
        if isinstance(target, int):
            return target
        return next((number for name, number in self.ports if name == target), None)


@dataclass(frozen=True, slots=True)
class Reached:
    """
    How a service's port can be reached.

    Attributes:
        services: Addresses and ports of Services, which do not change with the pods.
        ports: Where each pod listens, by its name: a port with a name may have another number in each.
        pods: The pods' addresses with these ports.
    """

    services: tuple[Address, ...]
    ports: Mapping[str, tuple[int, ...]]
    pods: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """
    How an edge's connections are found in a pod.

    Attributes:
        edge: ``caller -> callee``.
        kind: What the callee speaks.
        ports: Where connections come in, by the pod; empty of an edge that is met at its caller.
        destinations: Where they go to, first what does not change with the pods; empty of one that is met at its callee.
    """

    edge: str
    kind: str
    ports: Mapping[str, tuple[int, ...]]
    destinations: tuple[Address, ...]

    def parameters(self, pod: Pod) -> dict[str, object]:
        """Return what the agent of a pod is told to open."""
        if self.destinations:
            return {"edge": self.edge, "side": "out", "destinations": [list(each) for each in self.destinations]}
        if pod.name not in self.ports:
            raise TargetError(f"pod {pod.name} has come or gone just now; try once more in a second")
        return {"edge": self.edge, "side": "in", "ports": list(self.ports[pod.name])}


def pods_at(edge: str) -> str:
    """Return the service in whose pods an edge is led."""
    caller, callee = edge.split(" -> ")
    return callee if caller == OUTSIDE else caller


def way_of(api: Api, site: Site, edge: str) -> Way:
    """
    Find an edge's connections as they are now: pods come and go.

    Raises:
        TargetError: The system has no such edge, its callee has no address, or the system file's port is none of the callee's.
    """
    if edge not in site.edges:
        raise TargetError(f"no edge {edge!r}; the system has: {', '.join(site.edges)}")
    caller, callee = edge.split(" -> ")
    part = site.part(callee)
    listeners, services = _listeners(api, site, part), _services(api, site)
    if problem := unknown_port(part, listeners, services):
        raise TargetError(problem)
    reached = reach(part, listeners, services)
    if caller == OUTSIDE:
        return Way(edge, part.kind, reached.ports, ())
    if not (destinations := (*reached.services, *reached.pods)):
        raise TargetError(
            f"{callee} has no address that {caller} could call: no Service chooses its pods, and none is running"
        )
    return Way(edge, part.kind, {}, destinations)


def wrong_ports(api: Api, site: Site) -> Iterator[str]:
    """Yield a sentence for each service that is called at a port that it does not have."""
    services = _services(api, site)
    for callee in dict.fromkeys(edge.split(" -> ")[1] for edge in site.edges):
        part = site.part(callee)
        if problem := unknown_port(part, _listeners(api, site, part), services):
            yield problem


def wrong_entrances(api: Api, site: Site) -> Iterator[str]:
    """Yield a sentence for each service at which the load is to enter and whose workload its URL does not lead to."""
    services = _services(api, site)
    for name, url in site.urls.items():
        part = site.part(name)
        if problem := elsewhere(part, url, site.namespace, _listeners(api, site, part), services):
            yield problem


def entrance(api: Api, site: Site, service: str) -> Address:
    """
    Return the address and the port at which pods of the cluster call a service.

    Raises:
        TargetError: None does that has an address of its own; the text says how to look.
    """
    part = site.part(service)
    if (found := front(part, _listeners(api, site, part), _services(api, site))) is None:
        raise TargetError(
            f"no Service in namespace {site.namespace} that has an address leads to {service} "
            f"(workload {part.workload}, port {part.port}); see: kubectl get services -n {site.namespace} --output wide"
        )
    return found


def front(part: Part, listeners: Sequence[Listener], services: Sequence[V1Service]) -> Address | None:
    """Return the address of the Service that leads to a container's port in most pods; None where none has an address."""
    found = {
        (host, port.port): len(chosen)
        for service, port, chosen in _leading(part, listeners, services)
        for host in _cluster_ips(service)
    }
    return min(found, key=lambda address: (-found[address], _order(address)), default=None)


def reach(part: Part, listeners: Sequence[Listener], services: Sequence[V1Service]) -> Reached:
    """
    Return everything that leads to a container's port: of the Services whose port leads there in any pod, and of the pods themselves.

    A port that such a Service's leads to in another pod belongs to it, too: callers do not choose the pod.
    """
    leading = _leading(part, listeners, services)
    ports: dict[str, tuple[int, ...]] = {}
    for listener in listeners:
        resolved = (listener.resolve(port) for service, port, chosen in leading if listener in chosen)
        ports[listener.name] = tuple(dict.fromkeys(number for number in resolved if number)) or (part.port,)
    addresses = {(host, port.port) for service, port, _ in leading for host in _own(service)}
    pods = {(ip, port) for listener in listeners for ip in listener.ips for port in ports[listener.name]}
    return Reached(tuple(sorted(addresses, key=_order)), ports, tuple(sorted(pods - addresses, key=_order)))


def unknown_port(part: Part, listeners: Sequence[Listener], services: Sequence[V1Service]) -> str | None:
    """Return that no container declares a service's port and no Service leads to it, and what there is; None where one does, or nothing is known."""
    declared = {(number, name) for listener in listeners for name, number in listener.ports}
    led = {
        (listener.resolve(port), f"{service.metadata.name}:{port.port}")
        for service, port, chosen in _led(listeners, services)
        for listener in chosen
    }
    numbers = {number for number, _ in (*declared, *led) if number}
    if not numbers or part.port in numbers:
        return None
    there = [f"{number} ({name})" if name else str(number) for number, name in sorted(declared)]
    leads = sorted(f"{name} leads to {number}" for number, name in led if number)
    return (
        f"{part.name}: no container of {part.workload} declares port {part.port} and no Service leads to it; "
        f"declared: {', '.join(there) or 'none'}; Services: {', '.join(leads) or 'none'}; "
        f"write the container's port into the system file: services.{part.name}.port"
    )


def elsewhere(
    part: Part, url: str, namespace: str, listeners: Sequence[Listener], services: Sequence[V1Service]
) -> str | None:
    """
    Return that a URL leads to Services that choose none of these pods.

    None where one does, or nobody knows where it leads.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    led = [service for service in services if _is_at(service, host, port, namespace)]
    if not led or any(not service.spec.selector or _chooses(service, pod) for service in led for pod in listeners):
        return None
    name, selector = led[0].metadata.name, ",".join(f"{key}={value}" for key, value in led[0].spec.selector.items())
    return (
        f"{part.name}: the load enters at {url}, which is Service {name} (selector {selector}), and that chooses no pod of {part.workload}, "
        f"so a fault on {part.name} would meet nobody whom the load calls; next: name the workload behind Service {name} in the system "
        f"file (services.{part.name}.deployment), or the URL of {part.workload} (targets.kind.url)"
    )


def _is_at(service: V1Service, host: str, port: int, namespace: str) -> bool:
    """
    Return whether a Service is met at a host and port.

    A port of every node, which no other has, or an address or a name of its own.
    """
    full = f"{service.metadata.name}.{namespace}.svc"
    named = host in (service.metadata.name, f"{service.metadata.name}.{namespace}", full) or host.startswith(f"{full}.")
    ports = [each for each in service.spec.ports or () if each.protocol in (None, "TCP")]
    return any(port == each.node_port or (port == each.port and (named or host in _own(service))) for each in ports)


def _leading(
    part: Part, listeners: Sequence[Listener], services: Sequence[V1Service]
) -> list[tuple[V1Service, V1ServicePort, list[Listener]]]:
    """Return what ``_led`` yields of the Services' ports that lead to a container's port in any pod."""
    led = _led(listeners, services)
    return [each for each in led if part.port in {listener.resolve(each[1]) for listener in each[2]}]


def _led(
    listeners: Sequence[Listener], services: Sequence[V1Service]
) -> Iterator[tuple[V1Service, V1ServicePort, list[Listener]]]:
    """Yield each TCP port of each Service that chooses any of these, with those that it chooses."""
    for service in services:
        if chosen := [listener for listener in listeners if _chooses(service, listener)]:
            for port in service.spec.ports or ():
                if port.protocol in (None, "TCP"):
                    yield service, port, chosen


def _chooses(service: V1Service, listener: Listener) -> bool:
    selector = service.spec.selector
    return bool(selector) and selector.items() <= listener.labels.items()


def _order(address: Address) -> tuple[bool, str, int]:
    """Put IPv4 first: every pod of a cluster with both has it."""
    return ":" in address[0], *address


def _listeners(api: Api, site: Site, part: Part) -> tuple[Listener, ...]:
    """Return a service's pods; where none is there, what they would be."""
    pods = [pod for pod in pods_of(api, site, part.name) if pod.ip]
    if pods:
        return tuple(Listener(pod.name, pod.ips or (pod.ip,), pod.labels, pod.ports) for pod in pods)
    template = controllers.find(api, site.namespace, part.workload)[1].spec.template
    return (Listener("", (), template.metadata.labels or {}, declared_ports(template.spec)),)


def _services(api: Api, site: Site) -> Sequence[V1Service]:
    with api.translated(f"listing the services of {site.namespace}"):
        found: Sequence[V1Service] = api.core.list_namespaced_service(site.namespace).items
    return found


def _own(service: V1Service) -> Iterator[str]:
    """Yield all addresses at which a Service is called, of both versions of IP."""
    yield from _cluster_ips(service)
    yield from service.spec.external_ips or ()
    balancer = service.status.load_balancer if service.status else None
    yield from (each.ip for each in (balancer.ingress if balancer else None) or () if each.ip)


def _cluster_ips(service: V1Service) -> Iterator[str]:
    """Yield a Service's addresses within the cluster; a headless one has none."""
    yield from (host for host in service.spec.cluster_ips or () if host != "None")
