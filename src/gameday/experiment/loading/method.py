"""Read the method's short forms: ``- latency: {edge: web -> recommendations, delay: 2s}``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import BaseModel

from gameday.experiment.catalogue import Catalogue
from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.foreign import ACTIVITY, is_activity
from gameday.experiment.loading.plain import Plain, describe
from gameday.experiment.loading.shapes import shape
from gameday.experiment.loading.validation import validate
from gameday.experiment.timing import Timing


@dataclass(frozen=True, slots=True)
class Call:
    """A valid entry of the method: ``path`` leads to its parameters in the file."""

    path: KeyPath
    fault: str
    parameters: BaseModel
    timing: Timing


@dataclass(frozen=True, slots=True)
class Method:
    """
    The method as it was read.

    Attributes:
        plain: What stands for it in the experiment's model; an entry that is broken is replaced by ``none``.
        calls: The valid entries.
        flaws: What is wrong.
        broken: The key paths of entries that were replaced.
    """

    plain: Plain
    calls: tuple[Call, ...]
    flaws: tuple[Flaw, ...]
    broken: frozenset[KeyPath]


def read_method(value: Plain, catalogue: Catalogue) -> Method:
    """Read the method; what is not a list is left to the experiment's model."""
    if not isinstance(value, list):
        return Method(value, (), (), frozenset())
    plain: list[Plain] = []
    calls: list[Call] = []
    flaws: list[Flaw] = []
    broken: set[KeyPath] = set()
    for index, entry in enumerate(value):
        path: KeyPath = ("method", index)
        timing, rest = _apart(entry)
        form = _short_form(rest, path, catalogue)
        call, found = (None, (form,)) if isinstance(form, Flaw) else _call(path, timing, form, catalogue)
        if call is None or isinstance(form, Flaw):
            broken.add(path)
            plain.append({"fault": "none", "parameters": {}})
        else:
            calls.append(call)
            plain.append({"fault": call.fault, "parameters": form[2], "timing": timing})
        flaws.extend(found)
    return Method(plain, tuple(calls), tuple(flaws), frozenset(broken))


def _apart(entry: Plain) -> tuple[dict[str, Plain], Plain]:
    """Take the keys that say when and how out of an entry."""
    if not isinstance(entry, dict):
        return {}, entry
    keys = shape(Timing).keys() or ()
    timing = {key: value for key, value in entry.items() if key in keys}
    return timing, {key: value for key, value in entry.items() if key not in keys}


def _short_form(entry: Plain, path: KeyPath, catalogue: Catalogue) -> Flaw | tuple[KeyPath, str, dict[str, Plain]]:
    """Take an entry apart: path of the parameters, fault, parameters."""
    faults = f"one of {one_of(catalogue)}, with its parameters"
    if isinstance(entry, str):
        entry, place = {entry: None}, path
    elif not isinstance(entry, dict) or not entry:
        return Flaw(path, "this is not a fault", describe(entry), faults)
    elif is_activity(entry) and ACTIVITY in catalogue:
        return path, ACTIVITY, entry
    elif len(entry) > 1:
        hint = "indent the parameters under the fault's name" if next(iter(entry)) in catalogue else ""
        return Flaw(path, "an entry of the method is one fault", describe(entry), faults, hint)
    else:
        place = (*path, next(iter(entry)))
    fault, parameters = next(iter(entry.items()))
    if fault not in catalogue:
        hint = did_you_mean(fault, list(catalogue))
        return Flaw(place, f"unknown fault {describe(fault)}", describe(fault), one_of(catalogue), hint, of_key=True)
    if parameters is not None and not isinstance(parameters, dict):
        return Flaw(place, f"{fault} wants its parameters by name", describe(parameters), f"{fault}: {{…}}")
    return place, fault, parameters or {}


def _call(
    entry: KeyPath,
    timing: dict[str, Plain],
    form: tuple[KeyPath, str, dict[str, Plain]],
    catalogue: Catalogue,
) -> tuple[Call | None, tuple[Flaw, ...]]:
    path, fault, parameters = form
    checked = validate(catalogue[fault].parameters, parameters)
    together = f"the parameters of {fault} do not fit together"
    flaws = tuple(
        replace(flaw, path=(*path, *flaw.path), message=flaw.message if flaw.path else together)
        for flaw in checked.flaws
    )
    when = validate(Timing, timing)
    apart = "when and how the fault is on does not fit together"
    flaws += tuple(
        replace(flaw, path=(*entry, *flaw.path), message=flaw.message if flaw.path else apart) for flaw in when.flaws
    )
    if flaws or checked.value is None or when.value is None:
        return None, flaws
    return Call(path, fault, checked.value, when.value), ()
