"""Endpoints are followed by a list and a watch, again and again, with a pause where the API server gives no reason to hurry."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from kubernetes.client import Configuration, V1EndpointSliceList, V1ListMeta

from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.following import RETRY_S, Following
from gameday.targets.kubernetes.site import Site


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
    """The part of an API server that lists and watches, with no endpoints; keeps when it was asked for a list."""

    def __init__(self) -> None:
        """Be asked for nothing yet."""
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
        return V1EndpointSliceList(items=[], metadata=V1ListMeta(resource_version="1"))


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
