"""What a system consists of: its services, the routes that enter at them, and the secrets that both need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from gameday.experiment.counters import Counters
from gameday.experiment.declared import Declared, KubernetesName, Name
from gameday.experiment.notation import ZipfKeys
from gameday.experiment.units import Seconds, Share


class SecretKey(Declared):
    """A value that only the cluster holds: the key ``key`` of the namespace's Secret ``secret``."""

    secret: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$",
            description="the name of a Secret: lower-case letters, digits, dashes and dots",
            examples=["shop-passwords"],
        ),
    ]
    key: Annotated[
        str,
        Field(
            pattern=r"^[-._a-zA-Z0-9]{1,253}$",
            description="a key of a Secret: letters, digits, dashes, dots and underscores",
            examples=["cache"],
        ),
    ]


class Service(Declared):
    """
    A part of the system that connections lead to.

    ``disposable`` lets a fault empty the whole store; otherwise only keys under ``prefix`` may go. ``metrics`` is the path of
    its Prometheus page, None when it has none; ``counters`` maps what is read of it. The other keys tell how to find it in a cluster: the name of its ``deployment``
    (default: its own), the ``port`` on which its pods listen (default: its kind's), the ``metrics-port`` of a page that another
    container of its pods serves, as a store's exporter does (default: ``port``), the ``password`` of a store, the ``container`` that
    is the service where its pods have several (default: the one that declares the port).
    """

    kind: Literal["http", "redis", "postgres"] = "http"
    metrics: (
        Annotated[
            str,
            Field(
                pattern=r"^/[!-~]*$", description="a path that begins with / and has no blanks", examples=["/metrics"]
            ),
        ]
        | None
    ) = None
    counters: Counters | None = None
    disposable: bool = False
    prefix: Annotated[str, Field(min_length=1, examples=["shop:"])] | None = None
    deployment: KubernetesName | None = None
    port: Annotated[int, Field(ge=1, le=65_535, examples=[8080])] | None = None
    metrics_port: Annotated[int, Field(ge=1, le=65_535, examples=[9187])] | None = None
    password: SecretKey | None = None
    container: KubernetesName | None = None


class Route(Declared):
    """
    An entry point of the system.

    ``{id}`` in the request is replaced by the arrival's key; ``cold`` is the share of arrivals that ask for a key nobody asked
    for before. ``deadline_s`` is what a user accepts, counted from the scheduled start. ``hard`` lists the services without
    which the route cannot answer well, ``soft`` those without which it must still answer. A ``control`` route shares no pool
    with anything and serves as the control of every comparison.
    """

    request: Annotated[
        str,
        Field(
            pattern=r"^(GET|POST|PUT|DELETE) /[!-~]*$",
            description="GET, POST, PUT or DELETE in capitals, one blank, and a path that begins with /",
            examples=["GET /product/{id}"],
        ),
    ]
    headers: dict[str, str] = {}
    body: JsonValue = None
    keys: ZipfKeys | None = None
    cold: Share = 0.0
    deadline_s: Seconds = 1.0
    compartment: Name | None = None
    hard: Annotated[tuple[Name, ...], Field(min_length=1)]
    soft: tuple[Name, ...] = ()
    control: bool = False

    @property
    def entry(self) -> str:
        """Return the service at which requests enter: the first hard dependency."""
        return self.hard[0]

    @property
    def method(self) -> str:
        """Return the HTTP method."""
        return self.request.split(" ", 1)[0]

    @property
    def path(self) -> str:
        """Return the path with its ``{id}``, if any."""
        return self.request.split(" ", 1)[1]


class Secret(Declared):
    """A value that comes from the environment variable ``env`` and is written nowhere."""

    env: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            description="the name of an environment variable",
            examples=["SHOP_TOKEN"],
        ),
    ]
