"""A system in a namespace of a cluster, as one run uses it: found running, left running, and as it was found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.targets.claim import Claim
from gameday.targets.events import TargetEvent
from gameday.targets.kubernetes import ahead, controllers, variant
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.following import Following
from gameday.targets.kubernetes.place import kind_of
from gameday.targets.kubernetes.pods import service_container
from gameday.targets.kubernetes.preflight import called_of
from gameday.targets.kubernetes.ready import wait_ready
from gameday.targets.kubernetes.requirements import missing
from gameday.targets.kubernetes.residue import Residue, look
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.protocol import TargetError

SETTLE_S = 5.0
"""How long what has ended may still be listed: the kubelet tells of a container's end within a second or two."""
_LOOK_S = 0.25


class KubernetesSystem:
    """
    The Host of runs in a cluster.

    Args:
        system: What the system file says.
        claim: The run's hold on the namespace.
        progress: Takes a few words for each step.
        faults: What the run will do: the agents for it are attached at the start, so that no injection waits for one.
        workers: How many send its load.
    """

    def __init__(
        self,
        system: System,
        *,
        claim: Claim,
        progress: Callable[[str], None],
        faults: Sequence[PlannedFault] = (),
        workers: int = 1,
    ) -> None:
        """Ask the cluster nothing yet."""
        self._workers = workers
        self._system, self._faults, self._progress = system, tuple(faults), progress
        self._demo = kind_of(system).demo is not None
        self._site: Site = site_of(system, run=claim.run)
        self._target = KubernetesTarget(self._site)
        self._following = Following(self._site)
        self._ends = ExitStack()
        self._is_used = False
        self._edges = tuple(dict.fromkeys(edge for fault in self._faults for edge in fault.edges))
        self._notes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Return what ``connect`` needs in this or any other process of the same user; no secret is in it."""
        return self._site.to_line()

    def start(self) -> None:
        """
        See that everything is there and ready, and write down how it is.

        Raises:
            TargetError: Something is missing, or does not become ready.
        """
        if lacking := missing(self._system, self._faults, workers=self._workers):
            raise TargetError("; ".join(lacking))
        self._progress(f"using {self._system.name} in namespace {self._site.namespace} of {self._site.context}")
        wait_ready(self._api, self._site, self._progress)
        self._is_used = True
        self._ends.callback(self._target.leave)
        if self._demo:
            variant.note(self._api, self._site)
        self._following.start()
        self._ends.callback(self._following.stop)

    def switch(self, variant_: Mapping[str, bool]) -> None:
        """Switch the demo's mechanisms; another system has none. Raises ``TargetError``."""
        if self._demo:
            variant.switch(self._api, self._site, variant_, self._progress)

    def reset(self) -> None:
        """
        Bring the demo to the state in which every run begins, start what undoes faults, and attach the agents; another system is taken as it is.

        The pods that there are now are those of the run, so it comes last. Raises ``TargetError``.
        """
        if self._demo:
            variant.reset(self._api, self._site, self._system, self._target, self._progress)
        if waiting := ahead.planned(self._api, self._site, self._faults):
            names = ", ".join(each.name for each in waiting)
            self._progress(f"starting what undoes the faults on {names} when gameday is gone")
            self._ends.callback(ahead.end, self._api, self._site, waiting)
            ahead.start(self._api, self._site, waiting)
        inside = _services(fault for fault in self._faults if fault.inside)
        pausing = _services(fault for fault in self._faults if fault.fault == "pause")
        crashing = Counter(service for fault in self._faults if fault.crashes for service in fault.services)
        watched = [each for each in called_of(self._faults) if each not in {*inside, *crashing}]
        if where := dict.fromkeys((*self._edges, *inside, *crashing, *watched)):
            self._progress(f"attaching agents for {', '.join(where)}")
            self._target.attach(self._edges, inside, watched)
            self._target.attach_to_trace(crashing, pausing)

    def events(self, *, last: bool = False) -> tuple[TargetEvent, ...]:
        """Return which replicas joined and left their services since the last call, and what agents ran short of."""
        if last:
            for edge in self._edges:
                self._target.edge(edge)
        return (*self._following.drain(), *self._target.shortages())

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the cluster and of what runs in each service. Raises ``TargetError``."""
        with self._api.translated("asking for the cluster's version"):
            versions = {"Kubernetes": str(self._api.version.get_code().git_version)}
        for part in self._site.services.values():
            _, found = controllers.find(self._api, self._site.namespace, part.workload)
            template = found.spec.template
            versions[part.name] = str(service_container(template.spec.containers, part, template.metadata).image)
        return versions

    def stop(self) -> None:
        """End the agents, and switch back what was switched; idempotent. Raises ``TargetError``."""
        with self._ends:
            with suppress(TargetError):  # an agent that has ended tells nothing any more
                self._notes = self._notes or tuple(self._passed_by())
            if self._is_used and self._demo:
                variant.put_back(self._api, self._site, self._system, self._progress)

    def residue(self) -> Residue | None:
        """Look for what the run may have left, once what it did has had its time to settle; None when it never began."""
        if not self._is_used:
            return None
        with suppress(TargetError):  # then the look says so
            wait_ready(self._api, self._site, self._progress)
        until_s = time.monotonic() + SETTLE_S
        while (found := look(self._api, self._site)).sentences() and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
        return found

    def notes(self) -> tuple[str, ...]:
        """Return, after ``stop``, what became of connections that no fault was meant for; one sentence each."""
        return self._notes

    @property
    def _api(self) -> Api:
        return open_api(self._site.context)

    def _passed_by(self) -> Iterator[str]:
        for edge in self._edges:
            state = self._target.edge(edge)
            existing, spared = state.existing, state.spared
            yield (
                f"{edge}: {existing} connections from before the agents were reset, so that they were made anew through them; "
                f"{spared} of the kubelet's were let through"
            )


def _services(faults: Iterable[PlannedFault]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(service for fault in faults for service in fault.services))
