"""What the process agents do beside the containers of a system: pause, stress, and asking stores."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gameday.targets.kubernetes import parallel
from gameday.targets.kubernetes.agents import ask, ask_whoever, attach
from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.pods import Pod, pods_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import Emptied, Stress, Stressed, TargetError

MODE = "process"


class Inside:
    """The containers of one system, from within their pods."""

    def __init__(self, api: Api, site: Site) -> None:
        """Put nothing anywhere yet."""
        self._api, self._site = api, site

    def attach(self, service: str) -> None:
        """Put an agent beside every container of a service. Idempotent."""
        parallel.each(self._pods(service), lambda pod: attach(self._api, self._site, pod, MODE))

    def attach_to_crash(self, service: str) -> tuple[str, ...]:
        """Do so, and say of each pod why its agent may not end the container's processes at once; that is no failure."""

        def refusal(pod: Pod) -> str:
            try:
                self.act(pod, "may-crash")
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
        """Ask the agent of a pod, which is put there if need be."""
        if (answer := self.asked(pod, op, **parameters)) is not None:
            return answer
        return ask(self._api, self._site, pod, attach(self._api, self._site, pod, MODE), op, parameters=parameters)

    def asked(self, pod: Pod, op: str, **parameters: object) -> dict[str, Any] | None:
        """Ask the agent of a pod; None where none is: then nothing of it can be on."""
        return ask_whoever(self._api, self._site, pod, MODE, op, parameters=parameters)

    def crash(self, pod: Pod) -> bool:
        """End all processes of a pod's container at once, if an agent is there that may; tell whether that is so."""
        try:
            return self.asked(pod, "crash") is not None
        except TargetError:  # who asks tells it
            return False

    def is_paused(self, pod: Pod) -> bool:
        """Tell whether the agent of a pod holds its container."""
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
