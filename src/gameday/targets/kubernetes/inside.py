"""What the process agents do beside the containers of a system: pause, stress, and asking stores."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from gameday.targets.kubernetes import parallel
from gameday.targets.kubernetes.agents import ask, ask_whoever, attach, exchange
from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.pods import AgentContainer, Pod, User, pod_of, pods_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import Called, Emptied, Stress, Stressed, TargetError

MODE = "process"
CRASHED_S = 5.0
"""How long processes that the kernel kills may take to be gone; it takes milliseconds, and an answer of the API server more where that is busy."""
SHARED = (
    "shares its process namespace with its other containers or its node (shareProcessNamespace, hostPID), so the processes of one "
    "container cannot be told from the others'"
)
"""Why nothing in such a pod is paused, or ended at once."""
_TRACED = ("crash", "may-crash", "pause", "may-pause")
_LOOK_S = 0.02
CALLED_S, _CALL_S = 1.5, 0.1
"""How long a first call is waited for, beside what the agents have seen; and how often they are asked."""


class Inside:
    """The containers of one system, from within their pods."""

    def __init__(self, api: Api, site: Site) -> None:
        """Put nothing anywhere yet."""
        self._api, self._site = api, site
        self._users: dict[str, User] = {}
        self._same: set[tuple[str, str]] = set()

    def attach(self, service: str) -> None:
        """Put an agent beside every container of a service. Idempotent."""
        parallel.each(self._pods(service), self._beside)

    def refusals(self, service: str, op: str) -> tuple[str, ...]:
        """Put agents beside every container of a service, and return why one may not do what ``op`` (``may-crash``, ``may-pause``) tries."""

        def refusal(pod: Pod) -> str:
            try:
                self.act(pod, op)
            except NotFoundError:  # another one has come for it
                return ""
            except TargetError as error:
                return str(error)
            return ""

        return tuple(filter(None, parallel.each(self._pods(service), refusal)))

    def wake(self, service: str) -> None:
        """Let no agent of a service that is there end because nobody asks it anything."""
        parallel.each(self._pods(service), lambda pod: self.asked(pod, "hello"))

    def act(self, pod: Pod, op: str, **parameters: object) -> dict[str, Any]:
        """
        Ask the agent of a pod, which is put there if need be.

        Raises:
            TargetError: It may not do that, though it runs as the container does; or it cannot be put there.
        """
        if op in _TRACED and pod.shares_processes:
            raise TargetError(f"pod {pod.name} {SHARED}")
        try:
            if (answer := self.asked(pod, op, **parameters)) is not None:
                return answer
        except TargetError:
            if op not in _TRACED:  # else it may be one that only looks as whom the container runs
                raise
        now = pod_of(self._api, self._site, pod.name, pod.service)
        if now is None or now.uid != pod.uid:
            raise NotFoundError(f"pod {pod.name} is gone")
        return ask(self._api, self._site, now, self._beside(now), op, parameters=parameters)

    def asked(self, pod: Pod, op: str, **parameters: object) -> dict[str, Any] | None:
        """Ask the agent of a pod; None where none is: then nothing of it can be on."""
        return ask_whoever(self._api, self._site, pod, MODE, op, parameters=parameters)

    def ready_to_crash(self, service: str) -> None:
        """
        See that agents are there that may end the processes of a service's pods: before the lease of a kill begins, which several of them share.

        Attaching one takes as long as that lease; where all are there it has been tried already. Raises ``TargetError``.
        """
        if any(pod.agent(MODE) is None for pod in self._pods(service)) and (why := self.refusals(service, "may-crash")):
            raise TargetError(why[0])

    def crash(self, pod: Pod) -> None:
        """
        End all processes of a pod's container at once, and return when they have ended, and the agent beside them as one of them.

        Raises:
            TargetError: No agent may do that there, or nothing has ended.
        """
        self.act(pod, "crash")
        until_s = time.monotonic() + CRASHED_S
        while self._answers(pod):
            if time.monotonic() > until_s:
                raise TargetError(f"crash: pod {pod.name}'s processes are still there after {CRASHED_S:g} s")
            time.sleep(_LOOK_S)

    def _answers(self, pod: Pod) -> bool:
        """
        Return whether a pod's agent may still be there; where the API server is slow to say so it is looked again.

        The pod is read anew only where its agent has just been put there: callers of what has crashed wait meanwhile.
        """
        try:
            now = pod if pod.agent(MODE) is not None else pod_of(self._api, self._site, pod.name, pod.service)
            return now is not None and now.identity == pod.identity and self.asked(now, "hello") is not None
        except TargetError:
            return True

    def _beside(self, pod: Pod) -> AgentContainer:
        """
        Return the agent of a pod that runs as the container's first process does: nobody else may trace that.

        Only the process itself shows as whom it runs where its image says so; the first agent that comes looks, and leaves to one of that user.
        """
        guess = self._users.get(pod.service)
        agent = attach(self._api, self._site, pod, MODE, user=guess)
        if (pod.identity, agent.name) in self._same:
            return agent
        answer = ask(self._api, self._site, pod, agent, "rights")
        first, own = answer["first"], answer["agent"]
        user = User(int(first["user"]), int(first["group"]), capable=bool(first["capabilities"]))
        self._users[pod.service] = user
        is_same = (first["user"], first["group"]) == (own["user"], own["group"])
        if not is_same or (first["capabilities"] & ~own["capabilities"] and not own["capabilities"]):
            agent = exchange(self._api, self._site, pod, agent, user)
        self._same.add((pod.identity, agent.name))
        return agent

    def called(self, service: str, callers: Collection[str]) -> Called | None:
        """
        Return which of the callers are, or were, connected to any pod of a service; wait a moment for the first.

        Any port that takes connections counts: a mesh's proxy takes the service's at one of its own. A caller in the network of its node has
        the address of the kubelet, so of it nothing is known: then return None.
        """
        pods = {caller: pods_of(self._api, self._site, caller) for caller in callers if caller != service}
        if any(pod.host_network for each in pods.values() for pod in each):
            return None
        names = {ip: caller for caller, each in pods.items() for pod in each for ip in (pod.ip, *pod.ips)}
        until_s = time.monotonic() + CALLED_S
        while True:
            answers = parallel.each(self._pods(service), lambda pod: self.act(pod, "callers"))
            hosts = {str(host) for answer in answers for host in answer["hosts"]}
            by = {names[host] for host in hosts if host in names}
            if by or time.monotonic() > until_s:
                return Called(tuple(sorted(by)), tuple(sorted(hosts - names.keys())))
            time.sleep(_CALL_S)

    def is_paused(self, pod: Pod) -> bool:
        """Return whether the agent of a pod holds its container."""
        state = self.asked(pod, "state")
        return bool(state and state["stopped"])

    def stress(self, service: str, stress: Stress, *, lease_s: float) -> None:
        """Share a stress among the pods of a service."""
        pods = self._pods(service)
        if not pods:
            raise TargetError(f"stress: {service} has no running pod")
        share = {name: value / len(pods) for name, value in asdict(stress).items()}
        parallel.each(pods, lambda pod: self.act(pod, "stress", lease_s=lease_s, **share))

    def stressed(self, service: str) -> Stressed | None:
        """Add up what the stressors of a service have used; None when there is none."""
        used = [each for each in parallel.each(self._pods(service), lambda pod: self.asked(pod, "stressed")) if each]
        used = [each for each in used if each.get("t_s") is not None]
        if not used:
            return None
        return Stressed(
            t_s=max(float(each["t_s"]) for each in used),
            used_s=sum(float(each["used_s"]) for each in used),
            rss_bytes=sum(float(each["rss_bytes"]) for each in used),
        )

    def relax(self, service: str) -> None:
        """End the stressors of a service. Idempotent."""
        parallel.each(self._pods(service), lambda pod: self.asked(pod, "relax"))

    def keys(self, service: str, prefix: str | None) -> int:
        """Count the keys of a cache over all its pods."""
        answers = self._stores(service, "cache-keys", prefix)
        return sum(int(each["keys"]) for each in answers)

    def empty(self, service: str, prefix: str | None) -> Emptied:
        """Empty a cache, in all its pods."""
        answers = self._stores(service, "empty-cache", prefix)
        return Emptied(sum(int(each["before"]) for each in answers), sum(int(each["after"]) for each in answers))

    def _stores(self, service: str, op: str, prefix: str | None) -> tuple[dict[str, Any], ...]:
        part = self._site.part(service)
        if part.kind != "redis":
            raise TargetError(f"{op}: {service} is no cache but {part.kind}")
        pods = self._pods(service)
        if not pods:
            raise TargetError(f"{op}: {service} has no running pod")
        return parallel.each(pods, lambda pod: self.act(pod, op, prefix=prefix, port=part.port))

    def _pods(self, service: str) -> tuple[Pod, ...]:
        return tuple(pod for pod in pods_of(self._api, self._site, service) if pod.usable)
