"""What leads to a container's port: Services by number and by name, several of them, headless ones, both versions of IP, and the pods themselves."""

from __future__ import annotations

import pytest
from kubernetes.client import V1ObjectMeta, V1Service, V1ServicePort, V1ServiceSpec

from gameday.targets.kubernetes.site import Part
from gameday.targets.kubernetes.ways import Listener, elsewhere, front, reach, unknown_port

BACKEND = {"app": "backend"}
POD = Listener("backend-1", ("10.244.1.5",), BACKEND, (("http", 9898), ("metrics", 9797)))
OTHER = Listener("backend-2", ("10.244.2.6",), BACKEND, (("http", 9899), ("metrics", 9797)))


def part(port: int) -> Part:
    """Return the callee as the system file has it."""
    return Part("backend", "backend-deployment", "http", port)


def service(
    *ports: tuple[int, int | str | None],
    name: str = "backend",
    ips: tuple[str, ...] = ("10.96.0.7",),
    selector: dict[str, str] | None = None,
    protocol: str = "TCP",
) -> V1Service:
    """Return a Service with ports and their targets."""
    return V1Service(
        metadata=V1ObjectMeta(name=name),
        spec=V1ServiceSpec(
            cluster_ips=list(ips),
            selector=BACKEND if selector is None else selector,
            ports=[V1ServicePort(name=f"p{n}", port=n, target_port=target, protocol=protocol) for n, target in ports],
        ),
    )


@pytest.mark.parametrize("target", [9898, "http"])
def test_a_service_s_port_is_found_by_its_target(target: int | str) -> None:
    """Neither the lowest port nor one of the same number: the one that leads to the container's."""
    found = reach(part(9898), [POD], [service((8080, target), (1797, 9797), (80, 9999))])
    assert found.services == (("10.96.0.7", 8080),)
    assert found.pods == (("10.244.1.5", 9898),)
    assert found.ports == {"backend-1": (9898,)}


def test_the_other_port_of_the_same_service_is_another_edge() -> None:
    """Metrics are read at it."""
    found = reach(part(9797), [POD], [service((8080, 9898), (1797, "metrics"))])
    assert found.services == (("10.96.0.7", 1797),)
    assert found.pods == (("10.244.1.5", 9797),)


def test_a_port_without_a_target_leads_to_its_own_number() -> None:
    """As the API says."""
    assert reach(part(9898), [POD], [service((9898, None))]).services == (("10.96.0.7", 9898),)


def test_all_ports_of_all_services_that_lead_there_count() -> None:
    """Of others, and those of other workloads, none does."""
    found = reach(
        part(9898),
        [POD],
        [
            service((80, "http"), (8080, 9898)),
            service((443, 9898), name="public", ips=("10.96.0.9",)),
            service((80, 9898), name="stranger", ips=("10.96.0.11",), selector={"app": "other"}),
            service((80, 9898), name="by-hand", ips=("10.96.0.12",), selector={}),
            service((53, 9898), name="datagrams", ips=("10.96.0.13",), protocol="UDP"),
        ],
    )
    assert found.services == (("10.96.0.7", 80), ("10.96.0.7", 8080), ("10.96.0.9", 443))


def test_a_named_port_is_resolved_in_each_pod() -> None:
    """A rollout that moves a port has both at once: the Service leads to either, so both belong to the edge."""
    found = reach(part(9898), [POD, OTHER], [service((8080, "http"))])
    assert found.ports == {"backend-1": (9898,), "backend-2": (9899,)}
    assert found.pods == (("10.244.1.5", 9898), ("10.244.2.6", 9899))
    assert found.services == (("10.96.0.7", 8080),)


def test_callers_behind_a_headless_service_connect_to_the_pods() -> None:
    """At the container's port, whatever the Service's own says."""
    found = reach(part(9898), [POD, OTHER], [service((80, 9898), ips=("None",))])
    assert found.services == ()
    assert set(found.pods) == {("10.244.1.5", 9898), ("10.244.2.6", 9898)}


def test_both_versions_of_ip_are_led() -> None:
    """IPv4 first: canaries take the first one."""
    both = Listener("backend-1", ("fd00::5", "10.244.1.5"), BACKEND, POD.ports)
    found = reach(part(9898), [both], [service((8080, 9898), ips=("fd00:10::7", "10.96.0.7"))])
    assert found.services == (("10.96.0.7", 8080), ("fd00:10::7", 8080))
    assert found.pods == (("10.244.1.5", 9898), ("fd00::5", 9898))


def test_a_service_of_one_pod_leads_to_that_pod() -> None:
    """By a label that the workload's template does not have, as a StatefulSet's pods bear."""
    zero = Listener("backend-0", ("10.244.1.5",), {**BACKEND, "pod": "backend-0"}, POD.ports)
    found = reach(part(9898), [zero, OTHER], [service((80, 9898), selector={"pod": "backend-0"})])
    assert found.services == (("10.96.0.7", 80),)


def test_a_load_within_the_cluster_calls_the_service_in_front_of_most_pods() -> None:
    """By its own port, not the container's; one that is headless or of a single pod is no front, and neither is an address outside."""
    zero = Listener("backend-0", ("10.244.1.5",), {**BACKEND, "pod": "backend-0"}, POD.ports)
    headless, single = (
        service((9898, 9898), ips=("None",)),
        service((80, 9898), ips=("10.96.0.1",), selector=dict(zero.labels)),
    )
    whole = service((1797, 9797), (8080, "http"), ips=("fd00:10::7", "10.96.0.7"))
    whole.spec.external_ips = ["10.1.1.1"]
    assert front(part(9898), [zero, POD], [headless, single, whole]) == ("10.96.0.7", 8080)
    assert front(part(9797), [zero, POD], [headless, single, whole]) == ("10.96.0.7", 1797)
    assert front(part(9898), [zero, POD], [headless]) is None


def test_without_any_pod_the_template_says_where_services_lead() -> None:
    """So that an edge stays led while its callee is away."""
    template = Listener("", (), BACKEND, POD.ports)
    found = reach(part(9898), [template], [service((8080, "http"))])
    assert (found.services, found.pods) == ((("10.96.0.7", 8080),), ())


def test_a_port_of_nobody_is_told_with_what_there_is() -> None:
    """Before a fault on it could catch nobody."""
    services = [service((8080, "http"), (1797, 9797))]
    assert unknown_port(part(9898), [POD], services) is None
    assert unknown_port(part(8080), [POD], services) == (
        "backend: no container of backend-deployment declares port 8080 and no Service leads to it; "
        "declared: 9797 (metrics), 9898 (http); Services: backend:1797 leads to 9797, backend:8080 leads to 9898; "
        "write the container's port into the system file: services.backend.port"
    )


def test_a_service_alone_or_a_declaration_alone_is_enough() -> None:
    """Containers need not declare ports; where nobody says anything, nothing is known to be wrong."""
    silent = Listener("backend-1", ("10.244.1.5",), BACKEND, ())
    assert unknown_port(part(9898), [silent], [service((8080, 9898))]) is None
    assert unknown_port(part(9898), [POD], []) is None
    assert unknown_port(part(9898), [silent], []) is None
    assert unknown_port(part(8080), [silent], [service((8080, 9898))]) is not None


def entry(node_port: int | None = None, **more: object) -> V1Service:
    """Return the Service ``front``, which chooses other pods, at port 80 and at one of every node."""
    found = service((80, 9898), name="front", selector={"app": "front"}, **more)  # type: ignore[arg-type]  # passed on
    found.spec.ports[0].node_port = node_port
    return found


@pytest.mark.parametrize(
    "url",
    [
        "http://172.18.0.3:30080",
        "http://127.0.0.1:30080/",
        "http://10.96.0.7",
        "http://front.shop",
        "http://front.shop.svc.cluster.local:80",
    ],
)
def test_a_url_that_leads_to_a_service_of_other_pods_is_told(url: str) -> None:
    """By a port of every node, an address or a name; the sentence names the Service, its selector, the workload and what to write."""
    told = elsewhere(part(9898), url, "shop", [POD], [service((8080, 9898)), entry(30080)])
    assert told is not None
    assert told.startswith(
        f"backend: the load enters at {url}, which is Service front (selector app=front), and that chooses no pod of backend-deployment,"
    )
    assert "services.backend.deployment" in told


@pytest.mark.parametrize(
    ("url", "services"),
    [
        ("http://172.18.0.3:30081", [entry(30080)]),
        ("http://front.elsewhere", [entry(30080)]),
        ("http://10.96.0.7:8080", [entry(30080)]),
        ("https://shop.example.com", [entry(30080)]),
        ("http://172.18.0.3:30080", []),
        (
            "http://172.18.0.3:30080",
            [V1Service(metadata=entry().metadata, spec=V1ServiceSpec(ports=entry(30080).spec.ports))],
        ),
        ("http://10.96.0.7", [entry(), service((80, 9898))]),
        ("http://10.96.0.7:8080", [service((8080, "http"))]),
    ],
)
def test_where_a_url_leads_to_the_pods_or_nobody_knows_nothing_is_told(url: str, services: list[V1Service]) -> None:
    """Another port, namespace or host; no such Service; one whose endpoints somebody else writes; one of two that chooses them."""
    assert elsewhere(part(9898), url, "shop", [POD], services) is None
