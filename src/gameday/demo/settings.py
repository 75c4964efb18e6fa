"""What a service of the shop is told when it starts, by its environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

HOST = "127.0.0.1"
SETTINGS = "SHOP_SETTINGS"
TOGGLES = "SHOP_TOGGLES"
"""Toggles to start with, as JSON, in a variable of their own: they may change while the other settings stay."""
DATABASE_PASSWORD = "SHOP_DATABASE_PASSWORD"  # noqa: S105 - the variable's name
CACHE_PASSWORD = "SHOP_CACHE_PASSWORD"  # noqa: S105 - the variable's name


@dataclass(frozen=True, slots=True)
class Link:
    """
    The way to a dependency.

    Attributes:
        port: Where connections are to go.
        direct_port: Where ``bypass`` of them go instead; it exists to show that a fault which misses some of them is noticed.
        bypass: A ratio in 0..1.
        host: Whose ports these are.
    """

    port: int
    direct_port: int
    bypass: float = 0.0
    host: str = HOST


@dataclass(frozen=True, slots=True)
class Settings:
    """
    One service's start-up settings; secrets come in variables of their own and are not part of it.

    Attributes:
        service: Its name.
        port: Where it listens.
        links: By dependency.
        query_s: How long the product query takes at the database.
        toggles: Mechanisms to start with, by name; the others are on.
        host: The address that it listens on.
        leave_s: After SIGTERM it answers for so long with ``Connection: close``, so that its callers go elsewhere before it ends.
    """

    service: str
    port: int
    links: Mapping[str, Link] = field(default_factory=dict)
    query_s: float = 0.5
    toggles: Mapping[str, bool] = field(default_factory=dict)
    host: str = HOST
    leave_s: float = 0.0

    def to_environment(self) -> dict[str, str]:
        """Write them as the variable that ``read_settings`` reads."""
        return {SETTINGS: json.dumps(asdict(self))}


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises ``KeyError`` when the variable is missing."""
    value = json.loads(environment[SETTINGS])
    links = {name: Link(**link) for name, link in value.pop("links").items()}
    if toggles := environment.get(TOGGLES):
        value["toggles"] = json.loads(toggles)
    return Settings(links=links, **value)
