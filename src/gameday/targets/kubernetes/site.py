"""What a process must know to reach a system in a cluster; one line of JSON without any secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gameday.experiment.counters import Counters
from gameday.experiment.model import System
from gameday.experiment.parts import SecretKey
from gameday.targets.protocol import TargetError

PORTS: Mapping[str, int] = {"http": 8080, "redis": 6379, "postgres": 5432}
"""Where a service listens that does not say."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    A service as the cluster has it.

    Attributes:
        name: The service's name in the system file.
        workload: Of the Deployment (or StatefulSet) that runs it.
        kind: What it speaks: ``http``, ``redis`` or ``postgres``.
        port: Where its containers listen.
        metrics: The path of its metrics page; None when it has none.
        metrics_port: Where that is served: of a store by an exporter beside it.
        password: Where a store's password lies, which the kubelet reads and gameday never does; None when it asks for none.
        container: Which of its pods' containers is the service; None where the pods show it.
        counters: Which metrics of its page count what.
    """

    name: str
    workload: str
    kind: str
    port: int
    metrics: str | None = None
    metrics_port: int = 0
    password: SecretKey | None = None
    container: str | None = None
    counters: Counters | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """
    A system in a namespace, for one run.

    Attributes:
        context: Of the kubeconfig.
        namespace: Where everything of it is.
        run: Who touches it: what a run leaves carries this.
        services: By name.
        edges: ``caller -> callee``, those from ``load`` included.
        urls: Where requests from outside enter, by service.
    """

    context: str
    namespace: str
    run: str
    services: Mapping[str, Part]
    edges: tuple[str, ...]
    urls: Mapping[str, str]

    def part(self, service: str) -> Part:
        """Return a service's part; raises ``TargetError`` when the system has no such service."""
        try:
            return self.services[service]
        except KeyError:
            raise TargetError(f"no service {service!r}; the system has: {', '.join(self.services)}") from None

    def to_line(self) -> str:
        """Write it as what ``read_site`` reads."""
        return json.dumps(asdict(self), sort_keys=True, default=_declared)


def site_of(system: System, *, run: str) -> Site:
    """
    Return where a system file says that a system is.

    Raises:
        TargetError: It says nothing of a cluster.
    """
    kind = system.targets.kind
    if kind is None:
        raise TargetError(
            f"the system {system.name} has no target kind; it needs targets.kind with context, namespace and url"
        )
    services = {
        name: Part(
            name=name,
            workload=service.deployment or name,
            kind=service.kind,
            port=service.port or PORTS[service.kind],
            metrics=service.metrics,
            metrics_port=service.metrics_port or service.port or PORTS[service.kind],
            password=service.password,
            container=service.container,
            counters=service.counters,
        )
        for name, service in system.services.items()
    }
    entries = system.entries()
    urls = {name: kind.url if isinstance(kind.url, str) else kind.url[name] for name in entries}
    edges = (*(f"load -> {name}" for name in entries), *map(str, system.dependencies))
    return Site(kind.context, kind.namespace, run, services, edges, urls)


def read_site(line: str) -> Site:
    """Read what ``Site.to_line`` wrote. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
    value = json.loads(line)
    services = {
        name: Part(
            **{
                **part,
                "password": SecretKey(**part["password"]) if part["password"] else None,
                "counters": Counters.model_validate(part["counters"], context={"resolved": True})
                if part.get("counters")
                else None,
            }
        )
        for name, part in value["services"].items()
    }
    return Site(
        context=value["context"],
        namespace=value["namespace"],
        run=value["run"],
        services=services,
        edges=tuple(value["edges"]),
        urls=value["urls"],
    )


def _declared(value: Counters | SecretKey) -> dict[str, object]:
    return value.model_dump(mode="json", exclude_defaults=True)
