"""Which processes of a service a fault takes: one, all or a share of them, drawn with a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Annotated, cast

from pydantic import BeforeValidator, WithJsonSchema

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.model import System
from gameday.experiment.units import share
from gameday.targets.protocol import Replica, Target

_PATTERN = r"^(one|all|[0-9]{1,9}(\.[0-9]{1,9})?\s*%)$"


def _some(value: object) -> str:
    if value in {"one", "all"}:
        return str(value)
    try:
        some = share(value)
    except ValueError:
        some = 0.0
    if some <= 0:
        raise ValueError("one, all, or a share above 0% such as 34%")
    return str(value)


Some = Annotated[
    str, BeforeValidator(_some), WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["one"]})
]
"""``one``, ``all``, or a share such as ``34%``: at most that share, but at least one."""


def choose(names: Iterable[str], some: str, seed: int) -> tuple[str, ...]:
    """Draw the replicas that are taken; the same for the same names and seed, in the order of the names."""
    every = sorted(names)
    if some == "all":
        return tuple(every)
    count = 1 if some == "one" else max(1, int(share(some) * len(every)))
    return tuple(sorted(random.Random(seed).sample(every, min(count, len(every)))))  # noqa: S311 - not for secrets


def chosen_of(planned: PlannedFault, target: Target) -> tuple[str, ...]:
    """Draw whom a planned fault with ``service``, ``replicas`` and ``seed`` takes; raises ``TargetError``."""
    there = target.replicas(cast("str", planned.parameters["service"]))
    names = (each.name for each in there if not each.ending)
    return choose(names, cast("str", planned.parameters["replicas"]), cast("int", planned.parameters["seed"]))


def kill_each(target: Target, service: str, names: Iterable[str], *, lease_s: float, grace_s: float = 0.0) -> None:
    """Kill these replicas of a service, the last name first, as a StatefulSet gives up its pods. Raises ``TargetError``."""
    for name in sorted(names, key=lambda name: (len(name), name), reverse=True):
        target.kill(service, name, lease_s=lease_s, grace_s=grace_s)


def serving(replicas: Iterable[Replica], *, graceful: Iterable[str] = ()) -> dict[str, str | None]:
    """Return name and identity of those that may serve; of those that are ending, only who was given a grace may."""
    graceful = set(graceful)
    return {each.name: each.identity for each in replicas if not each.ending or each.name in graceful}


def in_words(some: str, service: str) -> str:
    """Say which are taken: ``one replica of web``."""
    each = {"one": "one replica", "all": "every replica"}.get(some, f"{some} of the replicas, at least one,")
    return f"{each} of {service}"


def spares(some: str, service: str, system: System) -> bool | None:
    """
    Return whether replicas are left that answer.

    None where that depends on how many there are. Of a store there is one.
    """
    return False if some == "all" or system.services[service].kind != "http" else None


def mistakes(service: str, system: System) -> tuple[Mistake, ...]:
    """Find a service that the system does not have."""
    if service in system.services:
        return ()
    return (Mistake("service", service, f"one of the system's services: {', '.join(system.services)}"),)
