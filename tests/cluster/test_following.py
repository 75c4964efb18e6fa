"""Who is an endpoint is told while it happens, in the words of the cluster itself, with no more rights than the Role gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from cluster.standing import CONTEXT, Stands
from gameday.targets.events import ReplicaEvent, ReplicaJoined, ReplicaLeft
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.following import Following
from gameday.targets.kubernetes.site import Site, site_of
from system.target.running import wait_until

WITHIN_S = 45.0


class Followed:
    """Endpoints that are followed, and all that was told."""

    def __init__(self, site: Site) -> None:
        """Begin."""
        self.site = site
        self.told: list[ReplicaEvent] = []
        self._following = Following(site)
        self._following.start()

    def of(self, service: str, kind: type[ReplicaEvent]) -> list[ReplicaEvent]:
        """Return what was told of a service so far."""
        self.told.extend(self._following.drain())
        return [each for each in self.told if isinstance(each, kind) and each.service == service]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something to be told."""
        wait_until(condition, within_s=WITHIN_S, what=what)

    def stop(self) -> float:
        """End, and return how long that took."""
        began_s = time.monotonic()
        self._following.stop()
        return time.monotonic() - began_s


@pytest.fixture
def followed(stands: Stands) -> Iterator[Followed]:
    """Return the shop's endpoints, followed."""
    found = Followed(site_of(stands.system, run="test-following"))
    yield found
    assert found.stop() < 3


def test_every_service_has_an_endpoint_when_following_begins(followed: Followed, stands: Stands) -> None:
    """So that a kill's share is known."""
    for service in stands.system.services:
        assert followed.of(service, ReplicaJoined), service
    assert {each.node for each in followed.told} <= {"gameday-worker", "gameday-worker2", "gameday-control-plane"}


def test_a_killed_pod_leaves_and_its_replacement_joins(followed: Followed) -> None:
    """The uid tells them apart; the endpoint has left within a second or so of the kill."""
    (killed, *_) = followed.of("payments", ReplicaJoined)
    api = open_api(CONTEXT)
    with api.translated("killing a pod"):
        api.core.delete_namespaced_pod(killed.replica, followed.site.namespace, grace_period_seconds=0)
    acknowledged_s = time.monotonic()
    followed.until(lambda: bool(followed.of("payments", ReplicaLeft)), "the killed pod to leave")
    (left,) = followed.of("payments", ReplicaLeft)
    assert (left.replica, left.identity) == (killed.replica, killed.identity)
    assert left.t_s - acknowledged_s < 10, "it was told, and not found by listing anew"
    followed.until(lambda: len(followed.of("payments", ReplicaJoined)) > 1, "the replacement to join")
    *_, joined = followed.of("payments", ReplicaJoined)
    assert joined.identity != killed.identity
    assert joined.t_s > left.t_s
