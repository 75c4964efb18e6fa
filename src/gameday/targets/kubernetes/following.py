"""Follow which pods are endpoints of the system's services, as the API server tells it while it happens."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from kubernetes import watch
from kubernetes.client import V1EndpointSlice

from gameday.targets.events import ReplicaEvent
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.controllers import learn_owners
from gameday.targets.kubernetes.endpoints import Endpoint, Endpoints
from gameday.targets.kubernetes.pods import made_for
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

WATCH_S = 120
"""A watch that says nothing for so long is asked for anew: a connection that is dead tells nobody."""
RETRY_S = 0.5
"""How long to wait after a failure, and after a watch that ended sooner than this, before all is listed again."""
CONNECT_S = 3.0
FIRST_S = 5.0
"""How long the start waits for the first list."""
STOP_S = 0.9
MOST_EVENTS = 10_000
"""Of a cluster in which pods come and go all the time; the oldest are lost."""


class Following:
    """
    Watches the EndpointSlices of a namespace in a thread of its own; one start, one stop.

    Whatever breaks is tried again from a whole list, so that nothing that lasts is missed; what came and went meanwhile is.
    """

    def __init__(self, site: Site, *, connect: Callable[[str], Api] = open_api) -> None:
        """Start nothing yet; ``connect`` returns the connection to the cluster of a context."""
        self._site, self._namespace = site, site.namespace
        self._context, self._connect = site.context, connect
        self._events: deque[ReplicaEvent] = deque(maxlen=MOST_EVENTS)
        self._endpoints = Endpoints()
        self._watch: watch.Watch | None = None
        self._stopping, self._listed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        """Begin, and return when the endpoints that there are have been seen; ``drain`` then says of each that it joined."""
        self._thread.start()
        self._listed.wait(FIRST_S)

    def drain(self) -> tuple[ReplicaEvent, ...]:
        """Return what happened since the last call, oldest first."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._events.popleft())
        return tuple(found)

    def stop(self) -> None:
        """End within a second; idempotent."""
        self._stopping.set()
        until_s = time.monotonic() + STOP_S
        while self._thread.is_alive() and time.monotonic() < until_s:
            if self._watch:
                self._watch.stop()  # again and again: before it has its answer it cannot be told
            self._thread.join(0.05)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                api = self._connect(self._context)
                version, begun_s = self._list(api), time.monotonic()
                self._follow(api, version)
                if time.monotonic() - begun_s < RETRY_S:  # whoever closes every watch at once is not asked all the time
                    self._stopping.wait(RETRY_S)
            except TargetError:
                self._stopping.wait(RETRY_S)

    def _list(self, api: Api) -> str:
        """See all slices, and return the version from which to watch."""
        with api.translated("listing the endpoints"):
            found = api.discovery.list_namespaced_endpoint_slice(self._namespace, _request_timeout=(CONNECT_S, FIRST_S))
        slices = {each.metadata.name: tuple(self._ready(api, each)) for each in found.items}
        self._events.extend(self._endpoints.all(slices, t_s=time.monotonic()))
        self._listed.set()
        return str(found.metadata.resource_version)

    def _follow(self, api: Api, version: str) -> None:
        self._watch = watch.Watch(return_type=V1EndpointSlice)
        with api.translated("watching the endpoints"):
            for event in self._watch.stream(
                api.discovery.list_namespaced_endpoint_slice,
                self._namespace,
                resource_version=version,
                timeout_seconds=WATCH_S,
                _request_timeout=(CONNECT_S, WATCH_S + FIRST_S),
            ):
                t_s, found = time.monotonic(), event["object"]
                left = () if event["type"] == "DELETED" else tuple(self._ready(api, found))
                self._events.extend(self._endpoints.one(found.metadata.name, left, t_s=t_s))
                if self._stopping.is_set():
                    return

    def _ready(self, api: Api, found: V1EndpointSlice) -> Iterator[Endpoint]:
        """Yield the pods of the system's services to which new connections are led; no word on it means yes, by the API."""
        for endpoint in found.endpoints or ():
            pod = endpoint.target_ref
            if pod is None or pod.kind != "Pod" or not pod.uid:
                continue
            services = self._services(
                api, pod.uid
            )  # also of one that is not ready yet: when it is told of again it may be gone
            if endpoint.conditions is None or endpoint.conditions.ready is not False:
                for service in services:
                    yield Endpoint(service, pod.name, pod.uid, endpoint.node_name or "")

    def _services(self, api: Api, uid: str) -> tuple[str, ...]:
        """Return whose a pod is; one that nobody has seen is looked for once."""
        if uid not in api.owners:
            with api.translated(f"listing the pods of {self._namespace}"):
                pods = api.core.list_namespaced_pod(self._namespace, _request_timeout=(CONNECT_S, FIRST_S)).items
            learn_owners(api, self._namespace, pods)
            api.owners.setdefault(uid, None)
        return made_for(api, self._site, uid)
