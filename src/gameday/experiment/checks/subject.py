"""What is checked, and what a check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.in_flight import Machine
from gameday.experiment.model import Experiment, System

Where = Literal["experiment", "system"]


Ground = tuple[Where, KeyPath]
"""A key path of one of the files, on which a conclusion rests."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """
    The method's faults, resolved against the system.

    Attributes:
        planned: The faults that fit the system, each with the key path of its parameters.
        mistaken: What faults name that the system does not have, with its key path.
        whole: Every entry of the method is in ``planned``.
    """

    planned: tuple[tuple[KeyPath, PlannedFault], ...]
    mistaken: tuple[tuple[KeyPath, Mistake], ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """
    An experiment with its system, each valid by itself; what was broken may be stood in for.

    Attributes:
        system_stem: The stem of the system's file name.
        method: The method's faults, resolved against the system.
        unset: Environment variables that secrets name and that are not set or empty.
        short: Those whose values are too short to be masked.
        switches: The names of the mechanisms that the system's demo can switch; None when they are not known.
        machine: What the machine that sends the load allows; None when it is not known.
    """

    experiment: Experiment
    system: System
    system_stem: str
    method: Resolved
    unset: frozenset[str]
    short: frozenset[str]
    switches: tuple[str, ...] | None = None
    machine: Machine | None = None

    @property
    def loaded(self) -> tuple[str, ...]:
        """Return the routes that requests may come to; any of the system's where nothing is loaded, which is told by itself."""
        return self.experiment.load.loaded(self.system) or tuple(self.system.routes)

    @property
    def faults(self) -> tuple[PlannedFault, ...]:
        """Return the faults that fit the system."""
        return tuple(fault for _, fault in self.method.planned)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A flaw of one of the files; ``rests_on`` are further key paths it was concluded from: if one is broken, it says nothing."""

    where: Where
    flaw: Flaw
    rests_on: tuple[Ground, ...] = ()


def in_experiment(*path: str | int) -> Ground:
    """Name a key path of the experiment file."""
    return ("experiment", path)


def in_system(*path: str | int) -> Ground:
    """Name a key path of the system file."""
    return ("system", path)


def unknown(
    where: Where, path: KeyPath, what: str, name: str, valid: Sequence[str], *, of_key: bool = False
) -> Complaint:
    """Complain about a name that stands for nothing."""
    flaw = Flaw(path, f"there is no {what} {name}", name, one_of(valid), did_you_mean(name, valid), of_key)
    return Complaint(where, flaw)
