"""Load an experiment with its system: two valid, frozen models that fit each other, or every mistake of both files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gameday.experiment.catalogue import Catalogue
from gameday.experiment.checks import Complaint, Resolved, Subject, Where, check
from gameday.experiment.checks.requests import LEAST_SECRET
from gameday.experiment.course import timed
from gameday.experiment.declared import NAME_PATTERN
from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.in_flight import Machine
from gameday.experiment.loading.document import Document, read_document
from gameday.experiment.loading.finding import SUFFIX
from gameday.experiment.loading.hypothesis import set_apart
from gameday.experiment.loading.locustfile import check_locustfile, locustfile_path
from gameday.experiment.loading.method import Method, read_method
from gameday.experiment.loading.problems import InvalidFileError, Problem
from gameday.experiment.loading.validation import validate
from gameday.experiment.model import Experiment, System


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    An experiment and its system, valid and fitting each other.

    Attributes:
        name: The experiment's name: its file's stem.
        experiment_text: The file as it was read, for the run's folder; ``system_text`` likewise.
        locustfile: Where the load's own locustfile lies; it compiles, and was not run. None without one.
    """

    name: str
    experiment: Experiment
    system: System
    experiment_path: Path
    system_path: Path
    experiment_text: str
    system_text: str
    locustfile: Path | None = None


@dataclass(frozen=True, slots=True)
class _Half:
    """What one file gave: ``value`` is None when there can be none; ``broken`` are key paths of which no more can be said."""

    document: Document
    problems: tuple[Problem, ...]
    broken: frozenset[KeyPath]


def load_experiment(
    path: Path,
    catalogue: Catalogue,
    *,
    systems: Sequence[Path],
    environment: Mapping[str, str] = os.environ,
    switches: Mapping[str, Sequence[str]] = MappingProxyType({}),
    machine: Machine | None = None,
) -> Loaded:
    """
    Read and check an experiment and the system that it names.

    Args:
        path: The experiment's file.
        catalogue: The faults that its method may call.
        systems: Folders in which ``<system>.yaml`` is looked for, in order.
        environment: Where declared secrets must be set. Their values are looked at, never shown or kept.
        switches: Demo -> the mechanisms that it can switch; what variants of other demos name is not looked at.
        machine: What the machine that will send the load allows it; None leaves that open.

    Raises:
        InvalidFileError: With all mistakes of both files.
    """
    document = read_document(path)
    method = read_method(document.value.get("method"), catalogue)
    plain = {**document.value, "method": method.plain} if "method" in document.value else document.value
    plain, foreign = set_apart(plain)
    experiment = validate(Experiment, plain)
    half = _half(document, (*experiment.flaws, *method.flaws, *foreign), experiment.broken | method.broken)
    system_document = _read_system(half, systems)
    system = validate(System, system_document.value)
    other = _half(system_document, system.flaws, system.broken)
    if experiment.value is None or system.value is None:
        raise InvalidFileError([*half.problems, *other.problems])
    values = {each.env: environment.get(each.env, "") for each in system.value.secrets.values()}
    subject = Subject(
        experiment=experiment.value,
        system=system.value,
        system_stem=system_document.path.stem,
        method=_resolve(method, catalogue, experiment.value, system.value),
        unset=frozenset(name for name, value in values.items() if not value),
        short=frozenset(name for name, value in values.items() if len(value) < LEAST_SECRET),
        switches=_known(switches, system.value),
        machine=machine,
    )
    locustfile = experiment.value.load.locustfile
    wrong = check_locustfile(document, locustfile) if locustfile else ()
    across = _across(check(subject), {"experiment": half, "system": other})
    if problems := [*half.problems, *other.problems, *wrong, *across]:
        raise InvalidFileError(problems)
    return Loaded(
        name=path.stem,
        experiment=experiment.value,
        system=system.value,
        experiment_path=path,
        system_path=system_document.path,
        experiment_text=document.text,
        system_text=system_document.text,
        locustfile=locustfile_path(document, locustfile) if locustfile else None,
    )


def _known(switches: Mapping[str, Sequence[str]], system: System) -> tuple[str, ...] | None:
    """Return what the system's demo can switch; None when that is not known."""
    demos = (demo for name in system.targets.names() if (demo := system.targets.demo(name)))
    return next((tuple(switches[demo]) for demo in demos if demo in switches), None)


def _half(document: Document, flaws: tuple[Flaw, ...], broken: frozenset[KeyPath]) -> _Half:
    """Tie flaws to lines, but for those of values that the document has told to be lost."""
    told = [flaw for flaw in flaws if not _under(flaw.path, document.broken)]
    return _Half(document, (*document.problems, *map(document.problem, told)), broken | document.broken)


def _read_system(half: _Half, folders: Sequence[Path]) -> Document:
    """Read the system file that an experiment names; raises every problem so far when there is none to read."""
    name = half.document.value.get("system")
    if ("system",) in half.broken or not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise InvalidFileError(half.problems)
    path = next((folder / f"{name}{SUFFIX}" for folder in folders if (folder / f"{name}{SUFFIX}").is_file()), None)
    if path is None:
        known = sorted({each.stem for folder in folders if folder.is_dir() for each in folder.glob(f"*{SUFFIX}")})
        places = " or ".join(str(folder / f"{name}{SUFFIX}") for folder in folders)
        valid = f"{one_of(known, nothing='a system file')}, or a new file {places}"
        flaw = Flaw(("system",), f"there is no system {name}", name, valid, did_you_mean(name, known))
        raise InvalidFileError([*half.problems, half.document.problem(flaw)])
    try:
        return read_document(path)
    except InvalidFileError as error:
        raise InvalidFileError([*half.problems, *error.problems]) from error


def _resolve(method: Method, catalogue: Catalogue, experiment: Experiment, system: System) -> Resolved:
    """Resolve the faults where the system has what they name."""
    mistakes = tuple((call, catalogue[call.fault].check(call.parameters, system)) for call in method.calls)
    fitting = tuple(call for call, wrong in mistakes if not wrong)
    start_s = experiment.phases.warmup_s + experiment.phases.baseline_s
    end_s = start_s + experiment.phases.fault_s
    planned = (
        timed(catalogue[call.fault].plan(call.parameters, system), call.timing, start_s=start_s, end_s=end_s)
        for call in fitting
    )
    return Resolved(
        planned=tuple((call.path, fault) for call, fault in zip(fitting, planned, strict=True)),
        mistaken=tuple(((*call.path, each.key), each) for call, wrong in mistakes for each in wrong),
        whole=not method.broken and len(fitting) == len(method.calls),
    )


def _across(complaints: Sequence[Complaint], halves: Mapping[Where, _Half]) -> Iterator[Problem]:
    """Tie complaints to lines, but for those that rest on something broken."""
    for complaint in complaints:
        half = halves[complaint.where]
        rests = any(_related(path, halves[where].broken) for where, path in complaint.rests_on)
        if not rests and not _under(complaint.flaw.path, half.broken):
            yield half.document.problem(complaint.flaw)


def _under(path: KeyPath, broken: frozenset[KeyPath]) -> bool:
    return any(path[: len(each)] == each for each in broken)


def _related(path: KeyPath, broken: frozenset[KeyPath]) -> bool:
    return any(path[: len(each)] == each or each[: len(path)] == path for each in broken)
