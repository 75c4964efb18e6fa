"""Load a suite: one valid, frozen model with its experiments loaded, or every mistake of all files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.loading.document import Document, read_document
from gameday.experiment.loading.finding import SUFFIX, SUITES, Found, UnknownExperimentError, find_experiment
from gameday.experiment.loading.foreign import read_foreign
from gameday.experiment.loading.load import Loaded
from gameday.experiment.loading.plain import Plain
from gameday.experiment.loading.problems import InvalidFileError, Problem
from gameday.experiment.loading.validation import validate
from gameday.experiment.suite import Entry, Suite


class _PlainError(Exception):
    """An entry names a plain Chaos Toolkit experiment, which has neither variant nor seed nor findings to compare."""


@dataclass(frozen=True, slots=True)
class LoadedEntry:
    """One experiment of a suite; ``name`` is what a person types to run it: its name, or its file's path."""

    declared: Entry
    name: str
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite whose experiments are all valid; ``name`` is its file's stem."""

    name: str
    path: Path
    suite: Suite
    entries: tuple[LoadedEntry, ...]


def is_suite(path: Path) -> bool:
    """Return whether a file is meant as a suite: it lies in a folder of suites, or lists experiments."""
    with suppress(InvalidFileError):
        return path.parent.name == SUITES or "experiments" in read_document(path).value
    return False


def load_suite(path: Path, folders: Sequence[Path], load: Callable[[Found], Loaded]) -> LoadedSuite:
    """
    Read and check a suite and every experiment that it names.

    Args:
        path: The suite's file.
        folders: Where experiments are looked for by name; those beside the suite's folder come first.
        load: Reads one experiment; raises ``InvalidFileError``.

    Raises:
        InvalidFileError: With all mistakes of the suite, its experiments and their systems.
    """
    document = read_document(path)
    checked = validate(Suite, _spelled(document.value))
    flaws = [*checked.flaws]
    problems: list[Problem] = [*document.problems]
    entries: dict[int, LoadedEntry] = {}
    for index, entry in enumerate(checked.value.experiments if checked.value else ()):
        place: KeyPath = ("experiments", index)
        if {place, (*place, "experiment"), place[:1]} & checked.broken:
            continue
        try:
            one = _entry(entry, path, folders, load)
        except _PlainError as error:
            what, valid = "a plain Chaos Toolkit experiment cannot stand in a suite", "an experiment of gameday's own"
            flaws.append(Flaw(_key(document, place, "experiment"), what, str(error), valid))
        except UnknownExperimentError as error:
            flaws.append(Flaw(_key(document, place, "experiment"), error.reason, error.seen, error.valid, error.hint))
        except InvalidFileError as error:
            problems += error.problems
        else:
            entries[index] = one
            flaws += _unfitting(one, _key(document, place, "variant"))
    flaws += _twice(entries)
    problems += map(document.problem, flaws)
    if problems or checked.value is None:
        raise InvalidFileError(problems)
    return LoadedSuite(path.stem, path, checked.value, tuple(entries.values()))


def _entry(entry: Entry, path: Path, folders: Sequence[Path], load: Callable[[Found], Loaded]) -> LoadedEntry:
    """Find and load one experiment; raises ``UnknownExperimentError``, ``InvalidFileError`` and ``_PlainError``."""
    name = entry.experiment
    if "/" in name or name.endswith((SUFFIX, ".yml", ".json")):
        name = str(path.parent / name)
    beside = path.parent.parent if path.parent.name == SUITES else path.parent
    known = {folder.resolve() for folder in folders}
    found = find_experiment(name, folders if beside.resolve() in known else (beside, *folders))
    if read_foreign(found.path):
        raise _PlainError(entry.experiment)
    return LoadedEntry(entry, name, load(found))


def _unfitting(entry: LoadedEntry, path: KeyPath) -> Iterator[Flaw]:
    """Yield what is wrong with an entry's variant."""
    wanted, system = entry.declared.variant, entry.loaded.system
    if wanted is not None and wanted not in system.variants:
        known = list(system.variants)
        what = f"the system {system.name} has no variant {wanted}"
        yield Flaw(path, what, wanted, one_of(known), did_you_mean(wanted, known))


def _twice(entries: Mapping[int, LoadedEntry]) -> Iterator[Flaw]:
    """Yield what would only be the same run again."""
    seen: set[tuple[Path, str | None, int | None]] = set()
    for index, each in entries.items():
        key = (each.loaded.experiment_path.resolve(), each.declared.variant, each.declared.seed)
        if key in seen:
            valid = "each experiment once, or with another variant or seed"
            yield Flaw(("experiments", index), "the same run stands twice", each.declared.experiment, valid)
        seen.add(key)


def _spelled(value: dict[str, Plain]) -> dict[str, Plain]:
    """Write out the short form of an entry, which is the experiment's name alone."""
    entries = value.get("experiments")
    if not isinstance(entries, list):
        return value
    return {
        **value,
        "experiments": [{"experiment": each} if isinstance(each, str) else each for each in entries],
    }


def _key(document: Document, place: KeyPath, key: str) -> KeyPath:
    """Return an entry's key path as the file has it: the short form has none within the entry."""
    return (*place, key) if (*place, key) in document.value_lines else place
