"""
Turn plain values into a frozen model, or tell every flaw; values that are broken are stood in for, so that checks across keys go on.

pydantic finds the flaws; its words never reach a person.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, nearest
from gameday.experiment.loading.plain import Plain, bare, describe
from gameday.experiment.loading.shapes import Shape, shape

Model = TypeVar("Model", bound=BaseModel)
_ROUNDS = 4
"""How often broken values are replaced: once for what is seen at first, again for what stood behind it."""
_LIMITS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "too_long": "at most {max_length} items",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
}


@dataclass(frozen=True, slots=True)
class Checked(Generic[Model]):
    """
    What validation gives.

    Attributes:
        value: The model; where a value was broken, a stand-in. None when there can be none.
        flaws: In the order they were found.
        broken: The key paths under which the model does not hold what the file says.
    """

    value: Model | None
    flaws: tuple[Flaw, ...]
    broken: frozenset[KeyPath]


def validate(model: type[Model], value: dict[str, Plain]) -> Checked[Model]:
    """Validate plain values of a file; ``value`` is left as it is."""
    with suppress(ValidationError):  # most files are valid: only of the others are the shapes of keys and values needed
        return Checked(_strictly(model, value), (), frozenset())
    root = shape(model)
    flaws: list[Flaw] = []
    broken: set[KeyPath] = set()
    mended = _without_unknown(value, root, (), flaws, broken)
    for _ in range(_ROUNDS):
        try:
            return Checked(_strictly(model, mended), tuple(flaws), frozenset(broken))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path = _path(detail, mended)
                if detail["type"] == "too_short" and any(one[: len(path)] == path for one in broken):
                    continue  # pydantic does not count what is broken, and that is told already
                if path not in broken:
                    flaws.append(_flaw(detail, path, mended, root))
                    broken.add(path)
                if not isinstance(mended, dict) or not path:
                    return Checked(None, tuple(flaws), frozenset(broken))
                _mend(detail, path, mended, root)
    return Checked(None, tuple(flaws), frozenset(broken))


def _strictly(model: type[Model], value: Plain) -> Model:
    """
    Validate as JSON in strict mode: lists become tuples, but no number becomes text and no text a number.

    Keys are those of the files alone. Raises pydantic's ``ValidationError``.
    """
    return model.model_validate_json(json.dumps(value), strict=True, by_alias=True, by_name=False)


def at(value: Plain, path: KeyPath) -> Plain:
    """Return the value at a key path; None when there is none."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _without_unknown(
    value: Plain, known: Shape | None, path: KeyPath, flaws: list[Flaw], broken: set[KeyPath]
) -> Plain:
    """Copy a value without its unknown keys, and tell them."""
    if known is None:
        return value
    if isinstance(value, list):
        return [_without_unknown(each, known.child(i), (*path, i), flaws, broken) for i, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    keys = known.keys()
    kept: dict[str, Plain] = {}
    for key, each in value.items():
        if keys is None or key in keys:
            kept[key] = _without_unknown(each, known.child(key), (*path, key), flaws, broken)
            continue
        valid = ", ".join(keys) or "no keys at all"
        hint = did_you_mean(key, [one for one in keys if one not in value])
        flaws.append(Flaw((*path, key), f"unknown key {key[:60]}", key[:60], valid, hint, of_key=True))
        meant = nearest(key, [one for one in keys if one not in value])
        if meant is not None:  # it is not missing as well
            broken.add((*path, meant))
    return kept


def _path(detail: ErrorDetails, value: Plain) -> KeyPath:
    """Return the part of pydantic's location that stands in the file, with a missing key at its end."""
    path: KeyPath = ()
    for part in detail["loc"]:
        known = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if not known:
            return (*path, part) if detail["type"] == "missing" else path
        path = (*path, part)
        value = at(value, (part,))
    return path


def _is_key(detail: ErrorDetails) -> bool:
    return detail["loc"][-1:] == ("[key]",)


def _flaw(detail: ErrorDetails, path: KeyPath, value: Plain, root: Shape) -> Flaw:
    """Say what is wrong in our own words."""
    known: Shape | None = root
    for part in path:
        known = known.child(part) if known else None
    context = detail.get("ctx", {})
    words = known.words() if known else "another value"
    value_seen = at(value, path)
    seen = describe(value_seen)
    name = _name(path)
    kind = detail["type"]
    hint = ""
    if _is_key(detail):
        what, seen, words = "is not a name", str(path[-1])[:60], "a name of lower-case letters, digits and dashes"
    elif kind == "missing":
        what = "is missing"
    elif kind == "value_error":
        what, words = "cannot be read", str(context.get("error", words))
    elif kind == "literal_error":
        what, hint = "is not a valid word", did_you_mean(seen, known.choices() if known else ())
    elif kind == "too_short":
        what, words = "is empty", "at least one item"
    elif kind in _LIMITS:
        what, words = "is out of range", _LIMITS[kind].format(**context)
    elif kind == "string_pattern_mismatch":
        what = "cannot be read" if str(value_seen).strip() else "is empty"
    else:
        what = "is of the wrong kind"
        if isinstance(value_seen, str) and not isinstance(bare(value_seen), str):
            seen, hint = f'"{seen}" (text, because of the quotes)', "leave the quotes out"
    return Flaw(path, f"{name} {what}", seen, words, hint, of_key=_is_key(detail))


def _name(path: KeyPath) -> str:
    """Name a value by its last key, with the position in a list."""
    if not path:
        return "this"
    if isinstance(path[-1], int):
        return f"{_name(path[:-1])}[{path[-1]}]"
    return path[-1][:60]


def _mend(detail: ErrorDetails, path: KeyPath, value: dict[str, Plain], root: Shape) -> None:
    """Take a broken value out, or put one in its place where there must be one."""
    parent, known = at(value, path[:-1]), root
    for part in path[:-1]:
        known = known.child(part) or Shape({}, {})
    last = path[-1]
    stand_in = (known.child(last) or Shape({}, {})).example()
    if isinstance(parent, dict) and isinstance(last, str):
        keys = known.keys()
        if _is_key(detail) or (keys is not None and last not in known.required()):
            parent.pop(last, None)
        else:
            parent[last] = stand_in
    elif isinstance(parent, list) and isinstance(last, int):
        parent[last] = stand_in
