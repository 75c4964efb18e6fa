"""Fold what EndpointSlices say into replicas that leave and join their services. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gameday.targets.events import ReplicaEvent, ReplicaJoined, ReplicaLeft


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod behind a Service that takes new connections."""

    service: str
    pod: str
    uid: str
    node: str


class Endpoints:
    """The endpoints of a namespace; a pod in several slices is one as long as it is in any."""

    def __init__(self) -> None:
        """Know of none."""
        self._slices: dict[str, frozenset[Endpoint]] = {}
        self._told: frozenset[Endpoint] = frozenset()

    def all(self, slices: Mapping[str, Iterable[Endpoint]], *, t_s: float) -> tuple[ReplicaEvent, ...]:
        """Take what all slices, by their names, hold now, and return what changed."""
        self._slices = {name: frozenset(endpoints) for name, endpoints in slices.items()}
        return tuple(self._changes(t_s))

    def one(self, name: str, endpoints: Iterable[Endpoint], *, t_s: float) -> tuple[ReplicaEvent, ...]:
        """Take what one slice holds now, nothing when it is gone, and return what changed."""
        self._slices[name] = frozenset(endpoints)
        return tuple(self._changes(t_s))

    def _changes(self, t_s: float) -> Iterator[ReplicaEvent]:
        now = frozenset[Endpoint]().union(*self._slices.values())
        before, self._told = self._told, now
        for kind, endpoints in ((ReplicaLeft, before - now), (ReplicaJoined, now - before)):
            for each in sorted(endpoints, key=lambda endpoint: (endpoint.service, endpoint.pod)):
                yield kind(t_s, each.service, each.pod, each.uid, each.node)
