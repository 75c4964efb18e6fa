"""Endpoints are followed by a list and a watch, again and again, with a pause where the API server gives no reason to hurry."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from kubernetes.client import (
    Configuration,
    V1Endpoint,
    V1EndpointSlice,
    V1EndpointSliceList,
    V1ListMeta,
    V1ObjectMeta,
    V1ObjectReference,
)

from gameday.targets.events import ReplicaJoined
from gameday.targets.kubernetes.api import Api, KnownWorkload
from gameday.targets.kubernetes.following import RETRY_S, Following
from gameday.targets.kubernetes.site import Part, Site


class Closed:
    """The answer to a watch that the server closes at once."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Say nothing."""
        yield from ()

    def close(self) -> None:
        """Close."""

    def release_conn(self) -> None:
        """Give the connection back."""


class Closing:
    """The part of an API server that lists and watches, with endpoints that never change; keeps when it was asked for a list."""

    def __init__(self, *pods: str) -> None:
        """Lead to these pods, whose names are their uids; be asked for nothing yet."""
        to = [V1ObjectReference(kind="Pod", name=pod, uid=pod) for pod in pods]
        endpoints = [V1Endpoint(addresses=["10.0.0.1"], target_ref=each, node_name="worker") for each in to]
        metadata = V1ObjectMeta(name="web-abc")
        self.slices = [V1EndpointSlice(address_type="IPv4", endpoints=endpoints, metadata=metadata)] if pods else []
        self.listed_s: list[float] = []
        self.watched = 0
        self.again = threading.Event()

    def list_namespaced_endpoint_slice(self, namespace: str, **asked: object) -> object:  # noqa: ARG002 - the library's signature
        """List, or watch."""
        if asked.get("watch"):
            self.watched += 1
            return Closed()
        self.listed_s.append(time.monotonic())
        if len(self.listed_s) > 1:
            self.again.set()
        return V1EndpointSliceList(items=self.slices, metadata=V1ListMeta(resource_version="1"))


def test_a_server_that_closes_every_watch_at_once_is_not_asked_all_the_time() -> None:
    """A new list comes after a pause."""
    api, server = Api("a-context", Configuration()), Closing()
    api.discovery = server
    following = Following(Site("a-context", "a-namespace", "a-run", {}, (), {}), connect=lambda _: api)
    following.start()
    try:
        assert server.again.wait(20)
    finally:
        following.stop()
    assert server.watched >= 1
    assert server.listed_s[1] - server.listed_s[0] >= RETRY_S


def test_an_endpoint_is_of_the_service_whose_workload_made_its_pod() -> None:
    """Whatever it is called; it may be gone by now, and of strangers nothing is told."""
    api = Api("a-context", Configuration())
    api.discovery = Closing("cut-off", "web-migrate-x2x4z", "web-5d8f7c9b4-x2x4z")
    api.workloads["a-namespace", "web"] = KnownWorkload("deployment", "app=web")
    api.owners |= {
        "cut-off": ("deployment", "web"),
        "web-migrate-x2x4z": None,
        "web-5d8f7c9b4-x2x4z": ("statefulset", "web"),
    }
    site = Site("a-context", "a-namespace", "a-run", {"shop": Part("shop", "web", "http", 8080)}, (), {})
    following = Following(site, connect=lambda _: api)
    following.start()
    try:
        (joined,) = following.drain()
    finally:
        following.stop()
    assert (type(joined), joined.service, joined.replica) == (ReplicaJoined, "shop", "cut-off")
