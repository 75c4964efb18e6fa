"""What the network agents do on the edges of a system: ways, delays, and what they have counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.targets.events import ProcessShort
from gameday.targets.kubernetes import parallel
from gameday.targets.kubernetes.agents import ASK_S, NoWayError, ask, ask_whoever, attach, end
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.pods import AgentContainer, Pod, pod_of, pods_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.ways import Way, pods_at, way_of
from gameday.targets.protocol import Delay, EdgeState, Errors, TargetError

MODE = "network"
WAY_S = 15.0
"""How long a way stays open without a sign of life; connections pass it unchanged, so it may be longer than a fault's lease."""
_SPARE_S = 3.0
"""How much longer than a canary itself its answer may take to come through the API server."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening an edge did: in how many pods, and how many connections from before were reset so that they take the new way."""

    edge: str
    pods: int
    existing: int


class Edges:
    """The edges of one system, each led through the agents of one service's pods."""

    def __init__(self, api: Api, site: Site) -> None:
        """Lead nothing yet."""
        self._api, self._site = api, site
        self._attaching: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._short: dict[tuple[str, str], int] = {}
        self._told: list[ProcessShort] = []

    def open(self, edge: str) -> Opened:
        """Lead an edge through agents in every pod that is there, for ``WAY_S`` from now. Idempotent."""
        pods = self._pods(edge)
        way = way_of(self._api, self._site, edge)
        states = parallel.each(pods, lambda pod: self._opened(pod, way))
        return Opened(edge, len(states), sum(int(state.get("existing", 0)) for state in states))

    def act(self, edge: str, op: str, **parameters: object) -> None:
        """Do something on an edge in every pod; where it is not led through an agent yet it is from now on."""
        pods = self._pods(edge)
        if not pods:
            raise TargetError(f"{op} on {edge}: {pods_at(edge)} has no running pod")
        done = parallel.each(pods, lambda pod: self._acted_if_there(pod, edge, op, parameters))
        if not any(done):
            raise TargetError(f"{op} on {edge}: every pod of {pods_at(edge)} went away meanwhile")

    def heal(self, edge: str) -> None:
        """End what is injected in every pod; where no agent is there nothing is to be ended. Idempotent."""
        parallel.each(self._pods(edge), lambda pod: self._asked(pod, "heal", edge=edge))

    def state(self, edge: str) -> EdgeState:
        """Read an edge over all its pods; one without an agent has no fault."""
        return merged(edge, self._states(edge))

    def canary_s(self, edge: str, *, within_s: float) -> float:
        """Send a canary from every pod, and return how long the fastest answer took."""
        way = way_of(self._api, self._site, edge)
        pods = self._pods(edge)
        if not pods:
            raise TargetError(f"canary over {edge}: {pods_at(edge)} has no running pod")
        parameters = {"edge": edge, "kind": way.kind, "within_s": within_s}

        def sent(pod: Pod) -> float:
            answer = self._acted(pod, edge, "canary", parameters, timeout_s=within_s + _SPARE_S)
            return float(answer["canary_s"])

        return min(parallel.each(pods, sent))

    def shortages(self) -> tuple[ProcessShort, ...]:
        """Return what agents said that they had run short of, since the last call."""
        with self._lock:
            told, self._told = self._told, []
        return tuple(told)

    def page(self, pod: Pod, port: int, path: str, *, timeout_s: float) -> tuple[int, str]:
        """
        Return the status and the text of a page, read from within a pod, past every redirect; through the API server where no agent is there.

        Where one is, nothing else may be asked: it would count as a caller's request, and meet what is injected. Raises ``TargetError``.
        """
        if (answer := self._asked(pod, "page", port=port, path=path)) is not None:
            return int(answer["status"]), str(answer["text"])
        status, body = self._api.pod_request(self._site.namespace, pod.name, port, path, timeout_s=timeout_s)
        return status, body.decode(errors="replace")

    def leave(self, pods: Iterable[Pod]) -> tuple[str, ...]:
        """End the agents of these pods, whoever put them there, and say which those were; idempotent."""
        there = [(pod, agent) for pod in pods for agent in pod.agents if not agent.over]

        def left(pair: tuple[Pod, AgentContainer]) -> str | None:
            pod, agent = pair
            ended = end(self._api, self._site, pod, agent)
            return f"agent {agent.name} in pod {pod.name} was ended" if ended else None

        return tuple(sentence for sentence in parallel.each(there, left) if sentence)

    def _pods(self, edge: str) -> tuple[Pod, ...]:
        return tuple(pod for pod in pods_of(self._api, self._site, pods_at(edge)) if pod.usable)

    def _states(self, edge: str) -> tuple[Mapping[str, Any] | None, ...]:
        return parallel.each(self._pods(edge), lambda pod: self._noted(pod, self._asked(pod, "state", edge=edge)))

    def _noted(self, pod: Pod, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Note what an agent has run short of since it was asked before; one that was put there anew counts anew."""
        counts: Mapping[str, int] = (state or {}).get("shortages", {})
        with self._lock:
            for what, count in counts.items():
                before = self._short.get((pod.uid, what), 0)
                self._short[pod.uid, what] = count
                if more := count - before if count >= before else count:
                    self._told.append(ProcessShort(time.monotonic(), f"agent in pod {pod.name}", what, more))
        return state

    def _asked(self, pod: Pod, op: str, **parameters: object) -> Mapping[str, Any] | None:
        """Ask the agent of a pod; None where none is, or none that knows the edge."""
        try:
            return ask_whoever(self._api, self._site, pod, MODE, op, parameters=parameters)
        except NoWayError:
            return None

    def _acted_if_there(
        self, pod: Pod, edge: str, op: str, parameters: Mapping[str, object]
    ) -> Mapping[str, Any] | None:
        """Ask the agent of a pod; None where that fails because the pod has gone, or is going."""
        try:
            return self._acted(pod, edge, op, parameters)
        except TargetError:
            now = pod_of(self._api, self._site, pod.name, pod.service)
            if now is not None and now.uid == pod.uid and now.usable:
                raise
            return None

    def _acted(
        self, pod: Pod, edge: str, op: str, parameters: Mapping[str, object], *, timeout_s: float = ASK_S
    ) -> Mapping[str, Any]:
        """Ask the agent of a pod, which is put there, or told of the edge, if need be."""
        given = {"edge": edge, **parameters}
        try:
            answer = ask_whoever(self._api, self._site, pod, MODE, op, parameters=given, timeout_s=timeout_s)
        except NoWayError:
            answer = None
        if answer is not None:
            return answer
        self._opened(pod, way_of(self._api, self._site, edge))
        agent = attach(self._api, self._site, self._present(pod), MODE)
        return ask(self._api, self._site, pod, agent, op, parameters=given, timeout_s=timeout_s)

    def _opened(self, pod: Pod, way: Way) -> Mapping[str, Any]:
        """Open a way in a pod; threads that want the same agent put one there only."""
        with self._lock:
            mine = self._attaching.setdefault(pod.uid, threading.Lock())
        with mine:
            agent = attach(self._api, self._site, pod if pod.agent(MODE) else self._present(pod), MODE)
            state = ask(self._api, self._site, pod, agent, "open", parameters={"lease_s": WAY_S, **way.parameters(pod)})
        self._noted(pod, state)
        return state

    def _present(self, pod: Pod) -> Pod:
        """Read a pod again: another thread may have put an agent there meanwhile."""
        return pod_of(self._api, self._site, pod.name, pod.service) or pod


def merged(edge: str, states: Sequence[Mapping[str, Any] | None]) -> EdgeState:
    """Return an edge's state over several pods: counters are added up, and a fault is shown where all of them have it."""
    there = [each for each in states if each]
    faults = {_fault(each) for each in states}
    delay, errors, blackholed = faults.pop() if len(faults) == 1 else _NO_FAULT

    def total(name: str) -> int:
        return sum(int(each[name]) for each in there)

    return EdgeState(
        edge=edge,
        delay=delay,
        connections=total("connections"),
        delayed=total("delayed"),
        blackholed=blackholed,
        live=total("live"),
        errors=errors,
        requests=total("requests"),
        matched=total("matched"),
        rejected=total("answered"),
        existing=total("existing"),
        spared=total("spared"),
        attempts=total("attempts"),
        partial=len({_fault(each) for each in states}) > 1,
    )


_NO_FAULT: tuple[Delay | None, Errors | None, bool] = (None, None, False)


def _fault(state: Mapping[str, Any] | None) -> tuple[Delay | None, Errors | None, bool]:
    if state is None:
        return _NO_FAULT
    rule = state["rule"]
    return (
        None if state["delay_s"] is None else Delay(float(state["delay_s"]), float(state["jitter_s"])),
        Errors(str(rule["path"]), int(rule["status"]), float(rule["share"])) if rule else None,
        bool(state["blackholed"]),
    )
