"""Choose the implementation of a target by its name; what is not used is not imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.targets.claim import Claim, NoClaim
from gameday.targets.events import TargetEvent
from gameday.targets.local import requirements
from gameday.targets.local.standing import Standing, StandingSystem
from gameday.targets.local.system import LocalSystem
from gameday.targets.protocol import Target
from gameday.targets.repair import Repaired


class Host(Protocol):
    """A system under test that a run may start, switch and stop; every method may raise ``TargetError``."""

    @property
    def address(self) -> str:
        """Return what ``connect`` needs to reach it from another process."""
        ...

    def start(self) -> None:
        """Start it, or find it running, and wait until it is ready. From the main thread only."""
        ...

    def switch(self, variant: Mapping[str, bool]) -> None:
        """Switch its mechanisms."""
        ...

    def reset(self) -> None:
        """Bring it to the state in which every run begins: caches warm, breakers closed."""
        ...

    def events(self, *, last: bool = False) -> tuple[TargetEvent, ...]:
        """Return what happened to its processes and replicas, and to gameday's own there, since the last call; all of it when it is the ``last``."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Return name -> version of its parts."""
        ...

    def stop(self) -> None:
        """End it, or leave it as it was found; idempotent."""
        ...

    def residue(self) -> Residue | None:
        """Look for what the run may have left in it, after ``stop``; None where everything has ended with it."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Return what else a report should say of how the run used it, after ``stop``; one sentence each."""
        ...


class Residue(Protocol):
    """What one look found."""

    def sentences(self) -> tuple[str, ...]:
        """Return all that is left, one sentence each; empty when nothing is."""
        ...

    def summary(self, *, faults: int = 0) -> str:
        """Return it in one line; it is not clean while so many faults of the run were not seen undone."""
        ...


def missing(target: str, system: System, faults: Sequence[PlannedFault] = (), *, workers: int = 1) -> tuple[str, ...]:
    """
    Return a sentence for each thing that is missing or refused for runs on a target, and how to get it; empty when they can begin.

    Starts nothing: what a run with these faults, and a load of so many workers, would ask a cluster to admit is tried as dry runs.

    Raises:
        ClaimError: The target may not even be asked.
    """
    return _MISSING[target](system, faults, workers)


def unable(target: str, system: System) -> tuple[str, ...]:
    """
    Return why a run cannot even begin to find out what it lacks: this machine lacks programs, or its cluster does not answer.

    Raises:
        ClaimError: The target may not even be asked.
    """
    return _UNABLE[target](system)


def advice(target: str, system: System) -> tuple[str, ...]:
    """Return what else is worth knowing about a target on this machine, though runs can do without it."""
    return _ADVICE[target](system)


def recovered(target: str, system: System, progress: Callable[[str], None]) -> Repaired:
    """
    Undo, from a target alone, what runs have left there; nothing where everything ends with the run's processes.

    Raises:
        ClaimError: A run goes on there, or the target may not be touched.
        TargetError: The target cannot be asked.
    """
    return _RECOVERIES[target](system, progress)


def claimed(target: str, system: System) -> AbstractContextManager[Claim]:
    """
    Hold a system within the block, so that no other run uses it; the claim goes to ``host``.

    Raises:
        ClaimError: It may not be used now.
        TargetError: The target cannot be asked.
    """
    return _CLAIMS[target](system)


def host(
    target: str,
    system: System,
    *,
    claim: Claim,
    logs: Path,
    progress: Callable[[str], None],
    faults: Sequence[PlannedFault] = (),
    workers: int = 1,
    up: Standing | None = None,
) -> Host:
    """
    Return the system on a target for a run with these faults and a load of so many workers, not yet started.

    What is ``up`` already is used, and left running.
    """
    if up is not None:
        return StandingSystem(up, progress=progress)
    return _HOSTS[target](system, claim, logs, progress, faults, workers=workers)


def connect(target: str, address: str, system: System) -> Target:
    """Return a connection to a running system, for any process on this machine."""
    return _TARGETS[target](address, system)


def _missing_locally(
    system: System,  # noqa: ARG001 - the signature of all
    faults: Sequence[PlannedFault] = (),  # noqa: ARG001 - same
    workers: int = 1,  # noqa: ARG001 - same
) -> tuple[str, ...]:
    return requirements.missing()


def _missing_in_cluster(system: System, faults: Sequence[PlannedFault], workers: int) -> tuple[str, ...]:
    from gameday.targets.kubernetes import requirements  # noqa: PLC0415 - the client takes half a second to import

    return requirements.missing(system, faults, workers=workers)


def _unable_in_cluster(system: System) -> tuple[str, ...]:
    from gameday.targets.kubernetes.requirements import unreachable  # noqa: PLC0415 - same

    return tuple(filter(None, (unreachable(system),)))


def _no_advice(system: System) -> tuple[str, ...]:  # noqa: ARG001 - the signature of all
    return ()


def _advice_on_cluster(system: System) -> tuple[str, ...]:
    from gameday.targets.kubernetes.requirements import missing_to_bring_up, refused_agents  # noqa: PLC0415 - same

    refused = refused_agents(system).items()
    return (
        *(f"no {what} there: {sentence}" for what, sentences in refused for sentence in sentences),
        *missing_to_bring_up(system),
    )


def _nothing_left(system: System, progress: Callable[[str], None]) -> Repaired:  # noqa: ARG001 - the signature of all
    return Repaired((), ())


def _recovered_in_cluster(system: System, progress: Callable[[str], None]) -> Repaired:
    from gameday.targets.kubernetes.recovery import recover  # noqa: PLC0415 - same

    return recover(system, progress)


def _local_target(address: str, system: System) -> Target:
    from gameday.targets.local.target import LocalTarget  # noqa: PLC0415 - only what is used is loaded

    return LocalTarget(address, system)


def _kubernetes_target(address: str, system: System) -> Target:  # noqa: ARG001 - the signature of all
    from gameday.targets.kubernetes.site import read_site  # noqa: PLC0415 - the client takes half a second to import
    from gameday.targets.kubernetes.target import KubernetesTarget  # noqa: PLC0415 - same

    return KubernetesTarget(read_site(address))


def _unclaimed(system: System) -> AbstractContextManager[Claim]:  # noqa: ARG001 - the signature of all
    return nullcontext(NoClaim())


def _kept(system: System) -> AbstractContextManager[Claim]:
    from gameday.targets.kubernetes.keeper import kept  # noqa: PLC0415 - same

    return kept(system)


def _local_host(
    system: System,
    claim: Claim,  # noqa: ARG001 - the signature of all
    logs: Path,
    progress: Callable[[str], None],
    faults: Sequence[PlannedFault],  # noqa: ARG001 - same
    *,
    workers: int,  # noqa: ARG001 - same
) -> Host:
    return LocalSystem(system, logs=logs, progress=progress)


def _kubernetes_host(
    system: System,
    claim: Claim,
    logs: Path,  # noqa: ARG001 - same
    progress: Callable[[str], None],
    faults: Sequence[PlannedFault],
    *,
    workers: int,
) -> Host:
    from gameday.targets.kubernetes.system import KubernetesSystem  # noqa: PLC0415 - same

    return KubernetesSystem(system, claim=claim, progress=progress, faults=faults, workers=workers)


_MISSING = {"local": _missing_locally, "kind": _missing_in_cluster}
_UNABLE: Mapping[str, Callable[[System], tuple[str, ...]]] = {"local": _missing_locally, "kind": _unable_in_cluster}
_ADVICE = {"local": _no_advice, "kind": _advice_on_cluster}
_RECOVERIES = {"local": _nothing_left, "kind": _recovered_in_cluster}
_CLAIMS = {"local": _unclaimed, "kind": _kept}
_HOSTS = {"local": _local_host, "kind": _kubernetes_host}
_TARGETS = {"local": _local_target, "kind": _kubernetes_target}
