"""The Target protocol over a system in a cluster, from any process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from http import HTTPStatus

from gameday.targets.events import ProcessShort
from gameday.targets.kubernetes import diagnosis, nodes, parallel, workload
from gameday.targets.kubernetes.api import Api, NotFoundError, open_api
from gameday.targets.kubernetes.edges import WAY_S, Edges, Opened
from gameday.targets.kubernetes.inside import Inside
from gameday.targets.kubernetes.pods import Pod, pods_of
from gameday.targets.kubernetes.renewals import Renewals
from gameday.targets.kubernetes.scraping import Scraping
from gameday.targets.kubernetes.site import Site
from gameday.targets.pages import Page, calls_to
from gameday.targets.protocol import (
    CANARY_S,
    Called,
    Calls,
    Delay,
    EdgeState,
    Emptied,
    Errors,
    Node,
    Replica,
    Stress,
    Stressed,
    TargetError,
    Uncounted,
    Workload,
)

_HEALTH, _ANSWER_S = "/healthz", 1.0
_KEEP_S = WAY_S / 5
"""How often open ways are renewed, so that four renewals may fail."""


class KubernetesTarget:
    """A running system in a namespace; keeps no state but caches, so several processes may have one each."""

    def __init__(self, site: Site) -> None:
        """Reach the cluster of a context; nothing is sent yet. Raises ``TargetError`` when there is no such context."""
        self._site = site
        self._api: Api = open_api(site.context)
        self._edges = Edges(self._api, site)
        self._inside = Inside(self._api, site)
        self._scraping = Scraping(self._api, site, self._edges)
        self._renewals = Renewals(every_s=_KEEP_S)

    def attach(self, edges: Iterable[str], services: Iterable[str], watched: Iterable[str] = ()) -> tuple[Opened, ...]:
        """
        Put agents where a run will need them, and keep them, and the ways of its edges, until ``leave``; pods that come meanwhile get theirs.

        Pods of ``watched`` services are only looked at until the fault begins: those that come later get none.
        Connections of before are reset when a way opens, so that they take it from then on; faults inject without waiting.
        """
        kept, inside, looked_at = tuple(edges), tuple(services), tuple(watched)
        parallel.each((*inside, *looked_at), self._inside.attach)
        opened = parallel.each(kept, self._edges.open)
        self._renewals.add({("edge", edge): partial(self._edges.open, edge) for edge in kept})
        self._renewals.add({("inside", service): partial(self._inside.attach, service) for service in inside})
        self._renewals.add({("inside", service): partial(self._inside.wake, service) for service in looked_at})
        return opened

    def attach_to_trace(self, crashes: Mapping[str, int], pauses: Iterable[str]) -> None:
        """
        Put agents beside what is to be killed so many times (``crashes``), so that it ends at once, and beside what is to be paused.

        Who comes after the last kill gets none.

        Raises:
            TargetError: In some pod no agent can do that; the text says why, and what can be done instead.
        """
        paused = tuple(pauses)
        kills = parallel.each(crashes, lambda service: self._inside.refusals(service, "may-crash"))
        refused = [
            f"kill of {service} cannot be a crash: {why[0]}; ask for a shutdown instead (grace: 2s: SIGTERM, then SIGKILL), or leave {service} out"
            for service, why in zip(crashes, kills, strict=True)
            if why
        ]
        holds = parallel.each(paused, lambda service: self._inside.refusals(service, "may-pause"))
        refused += [
            f"pause of {service} is not possible: {why[0]}" for service, why in zip(paused, holds, strict=True) if why
        ]
        if refused:
            raise TargetError("; ".join(refused))
        again = {service for service, many in crashes.items() if many > 1} | set(paused)
        self._renewals.add({("inside", service): partial(self._inside.attach, service) for service in again})
        self._renewals.add({("inside", service): partial(self._inside.wake, service) for service in crashes})

    def leave(self) -> tuple[str, ...]:
        """End all agents in the system's pods, and with them every way and fault; say what was ended. Idempotent."""
        self._renewals.stop()
        return self._edges.leave(pod for service in self._site.services for pod in self._left(service))

    def shortages(self) -> tuple[ProcessShort, ...]:
        """Return what agents have run short of since the last call, as far as they have been asked: open ways are, every few seconds."""
        return self._edges.shortages()

    def delay(self, edge: str, delay: Delay, *, lease_s: float) -> None:
        """Delay answers on an edge in every pod for ``lease_s``, or until called again or healed."""
        self._edges.act(edge, "delay", delay_s=delay.delay_s, jitter_s=delay.jitter_s, lease_s=lease_s)

    def blackhole(self, edge: str, *, lease_s: float) -> None:
        """Let nothing pass on an edge for ``lease_s``, or until called again or healed."""
        self._edges.act(edge, "blackhole", lease_s=lease_s)

    def reject(self, edge: str, errors: Errors, *, lease_s: float) -> None:
        """Answer requests on an edge for ``lease_s``, or until called again or healed."""
        self._edges.act(edge, "answer", path=errors.path, status=errors.status, share=errors.share, lease_s=lease_s)

    def heal(self, edge: str) -> None:
        """End the fault on an edge; its way stays."""
        self._edges.heal(edge)

    def edge(self, edge: str) -> EdgeState:
        """Read what the agents on an edge do."""
        return self._edges.state(edge)

    def canary_s(self, edge: str, *, within_s: float = CANARY_S) -> float:
        """Send GET /healthz, PING or PostgreSQL's SSLRequest over an edge from every pod; the fastest counts."""
        return self._edges.canary_s(edge, within_s=within_s)

    def calls(self, edge: str) -> Calls | Uncounted | None:
        """Read the callers' own counters from their metrics pages."""
        caller, callee = edge.split(" -> ")
        page = None if caller == "load" else self._scraping.page(caller)
        names = tuple(dict.fromkeys((callee, self._site.part(callee).workload)))
        if page is None:
            return None
        callees = [edge.split(" -> ")[1] for edge in self._site.edges if edge.startswith(f"{caller} -> ")]
        return calls_to(names, caller, page, self._site.part(caller).counters, callees)

    def called(self, service: str, callers: Collection[str]) -> Called | None:
        """
        Read from within a service's pods who is, or was, connected to them.

        None where a caller has no address of its own.
        """
        return self._inside.called(service, callers)

    def replicas(self, service: str) -> tuple[Replica, ...]:
        """Read a service's pods, and whether an agent holds their processes."""
        pods = self._pods(service)
        paused = parallel.each(pods, lambda pod: not pod.terminating and self._inside.is_paused(pod))
        return tuple(
            Replica(pod.name, pod.identity, stopped=stopped, ending=pod.terminating)
            for pod, stopped in zip(pods, paused, strict=True)
        )

    def is_ready(self, service: str, replica: str) -> bool:
        """
        Tell whether a pod does its work: its condition Ready holds, and asked directly it answers.

        Of one that is gone: whether its workload has as many ready pods as it is to have, and none that is ending.
        """
        pods = self._pods(service)
        found = next((pod for pod in pods if pod.name == replica), None)
        if found is not None and not found.terminating:
            return found.ready and self._answers(found)
        wanted = workload.workload(self._api, self._site, service)
        # counted, too: the workload's own number may be the one of before the pod went
        ready = sum(pod.ready for pod in pods)
        return ready == wanted.ready == wanted.desired and not any(pod.terminating for pod in pods)

    def kill(self, service: str, replica: str, *, lease_s: float, grace_s: float = 0.0) -> None:
        """Delete a pod, whose processes end at once where no grace is given; with a lease, nothing takes its place before that ends."""

        def crash() -> None:
            self._inside.crash(self._pod(service, replica))

        if lease_s > 0:
            workload.refuse_others(self._api, self._site, service)
        if not grace_s and self._find(service, replica) is not None:
            self._inside.ready_to_crash(service)
        workload.kill(
            self._api,
            self._site,
            service,
            replica,
            lease_s=lease_s,
            grace_s=grace_s,
            crash=None if grace_s else crash,
        )

    def revive(self, service: str, replica: str) -> None:  # noqa: ARG002 - a workload gets all of its pods back
        """Let the workload of a killed pod have as many as before."""
        workload.revive(self._api, self._site, service)

    def pause(self, service: str, replica: str, *, lease_s: float) -> None:
        """Hold every process of the service's container in a pod for ``lease_s``."""
        self._inside.act(self._pod(service, replica), "pause", lease_s=lease_s)

    def resume(self, service: str, replica: str) -> None:
        """Let them go on; those of a pod that is gone are gone too."""
        if (pod := self._find(service, replica)) is not None:
            self._inside.asked(pod, "resume")

    def stress(self, place: str, stress: Stress, *, lease_s: float) -> None:
        """Use so much inside of a service's pods for ``lease_s``, shared among them."""
        self._inside.stress(place, stress, lease_s=lease_s)

    def stressed(self, place: str) -> Stressed | None:
        """Read what the stressors of a service's pods have used."""
        return self._inside.stressed(place)

    def relax(self, place: str) -> None:
        """End them."""
        self._inside.relax(place)

    def cache_keys(self, service: str, prefix: str | None) -> int:
        """Let the agent beside a cache count its keys."""
        return self._inside.keys(service, prefix)

    def empty_cache(self, service: str, prefix: str | None) -> Emptied:
        """Let it remove them."""
        return self._inside.empty(service, prefix)

    def metrics(self) -> Mapping[str, Page]:
        """Scrape the pods of every service that has a page."""
        return self._scraping.pages()

    def url(self, service: str) -> str:
        """Return what the system file says."""
        if service not in self._site.urls:
            raise TargetError(f"nothing from outside enters at {service!r}; valid: {', '.join(self._site.urls)}")
        return self._site.urls[service].rstrip("/")

    def workload(self, service: str) -> Workload:
        """Read how many replicas a service is to have and has."""
        return workload.workload(self._api, self._site, service)

    def scale(self, service: str, count: int, *, lease_s: float) -> None:
        """Give a service another number of replicas."""
        workload.scale(self._api, self._site, service, count, lease_s=lease_s)

    def unscale(self, service: str) -> None:
        """Give it the number that it had."""
        workload.unscale(self._api, self._site, service)

    def node_of(self, replica: str) -> str:
        """Read on which node a pod is."""
        return nodes.node_of(self._api, self._site, replica)

    def node(self, name: str) -> Node:
        """Read a node."""
        return nodes.node(self._api, self._site, name)

    def cordon(self, node: str, *, lease_s: float) -> None:
        """Let nothing new be put on a node."""
        nodes.cordon(self._api, self._site, node, lease_s=lease_s)

    def evict(self, node: str, *, grace_s: float) -> None:
        """Ask the system's pods on a node to leave."""
        nodes.evict(self._api, self._site, node, grace_s=grace_s)

    def uncordon(self, node: str) -> None:
        """Let a node be as it was."""
        nodes.uncordon(self._api, self._site, node)

    def unready(self) -> str:
        """Return which pods are not ready and why, from their states and events. Raises ``TargetError``."""
        namespace = self._site.namespace
        pods = diagnosis.unready(self._api, namespace)
        return " · ".join(map(str.strip, diagnosis.explain(self._api, namespace, pods).splitlines())) if pods else ""

    def _answers(self, pod: Pod) -> bool:
        """Ask a pod's own port, past every redirect; any answer of its own will do, because only its own probes know more."""
        part = self._site.part(pod.service)
        try:
            if part.kind != "http":
                answer = self._inside.asked(pod, "ping", kind=part.kind, port=part.port)
                return answer is None or bool(answer["ready"])
            status, _ = self._edges.page(pod, part.port, _HEALTH, timeout_s=_ANSWER_S)
        except TargetError:
            return False
        return status < HTTPStatus.INTERNAL_SERVER_ERROR

    def _pods(self, service: str) -> tuple[Pod, ...]:
        return pods_of(self._api, self._site, service)

    def _left(self, service: str) -> tuple[Pod, ...]:
        """Find its pods; where its workload has been removed there are none, and those of the others are still to be left."""
        try:
            return self._pods(service)
        except NotFoundError:
            return ()

    def _find(self, service: str, replica: str) -> Pod | None:
        return next((pod for pod in self._pods(service) if pod.name == replica and not pod.terminating), None)

    def _pod(self, service: str, replica: str) -> Pod:
        if (pod := self._find(service, replica)) is None:
            raise TargetError(f"pod {replica} is not there any more, or not one of {service}")
        return pod
