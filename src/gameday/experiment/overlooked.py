"""
Find what is wrong with a plain Chaos Toolkit experiment though Chaos Toolkit's own validation passes over it. Pure.

Keys of one's own are accepted, as Chaos Toolkit accepts them; one that is a slip away from a key that changes what is run is not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, misspelt, one_of
from gameday.experiment.foreign import KNOWN

STRATEGIES = ("default", "before-method-only", "after-method-only", "during-method-only", "continuously", "skip")
_ALSO = frozenset({"continuous", "continously"})
"""Other spellings of ``continuously`` that Chaos Toolkit's command line and its journal have."""
_ROLLBACKS = ("default", "always", "never", "deviated")
_KEYS = {
    "hypothesis": ("probes", "controls"),
    "activity": ("tolerance", "timeout", "pauses", "background", "controls", "proof"),
    "python": ("arguments", "secrets"),
    "process": ("arguments", "timeout"),
    "http": ("arguments", "timeout", "method", "headers", "verify_tls", "max_retries"),
    "control": ("scope", "automatic"),
    "pauses": ("before", "after"),
}
"""Keys that change what is run, and that Chaos Toolkit does not miss when they are not there."""
_PLACEHOLDER = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHELL = re.compile(r"[A-Z_][A-Z0-9_]*")

Json = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Names:
    """
    What a placeholder may stand for.

    Attributes:
        known: Keys of the configuration, and of the groups of secrets.
        open: A control or a vault may bring further ones.
        environment: The names of the variables that a process would know.
    """

    known: frozenset[str]
    open: bool
    environment: Collection[str]


def overlooked(value: Json, environment: Collection[str]) -> Iterator[Flaw]:
    """Yield every mistake; ``environment`` are the names of the variables that are set."""
    yield from _slips((), value, KNOWN)
    value = _meant(value, KNOWN)
    yield from _strategies(_mapping(value.get("runtime")))
    yield from _types(("configuration",), _mapping(value.get("configuration")), ("env", "probe"))
    for group, secrets in _mapping(value.get("secrets")).items():
        yield from _types(("secrets",), {group: secrets}, ("env", "vault"))
        yield from _types(("secrets", group), _mapping(secrets), ("env", "vault"))
    hypothesis = _mapping(value.get("steady-state-hypothesis"))
    yield from _slips(("steady-state-hypothesis",), hypothesis, _KEYS["hypothesis"])
    hypothesis = _meant(hypothesis, _KEYS["hypothesis"])
    value = {**value, "steady-state-hypothesis": dict(hypothesis)}
    names = _names(value, environment)
    yield from _undefined(("title",), value.get("title"), names)
    for holder, controls in ((("controls",), value), (("steady-state-hypothesis", "controls"), hypothesis)):
        yield from _controls(holder, controls)
    referable = [
        str(each["name"])
        for path, each in activities(value)
        if path[0] != "rollbacks" and "name" in each and "ref" not in each
    ]
    for path, activity in (*activities(value), *dynamic(value)):
        if "ref" in activity:
            whole = isinstance(value.get("method"), list)
            if isinstance(ref := activity["ref"], str) and ref and ref not in referable and whole:
                hint, valid = did_you_mean(ref, referable), one_of(referable, nothing="no activity has a name")
                yield Flaw((*path, "ref"), f"there is no activity {ref}", ref, valid, hint)
            continue
        yield from _activity(path, activity, names, _mapping(value.get("secrets")))


def activities(value: Json) -> Iterator[tuple[KeyPath, Json]]:
    """Yield every activity of the hypothesis, the method and the rollbacks, as far as it is a mapping, with its key path."""
    hypothesis = _mapping(value.get("steady-state-hypothesis"))
    for path, listed in (
        (("steady-state-hypothesis", "probes"), hypothesis.get("probes")),
        (("method",), value.get("method")),
        (("rollbacks",), value.get("rollbacks")),
    ):
        for index, each in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(each, dict):
                yield (*path, index), each


def dynamic(value: Json) -> Iterator[tuple[KeyPath, Json]]:
    """Yield the probes that find out values of the configuration."""
    for key, each in _mapping(value.get("configuration")).items():
        if isinstance(each, dict) and each.get("type") == "probe":
            yield ("configuration", key), each


def _activity(path: KeyPath, activity: Json, names: Names, secrets: Json) -> Iterator[Flaw]:
    yield from _slips(path, activity, _KEYS["activity"])
    yield from _seconds((*path, "timeout"), activity.get("timeout"))
    pauses = _mapping(activity.get("pauses"))
    yield from _slips((*path, "pauses"), pauses, _KEYS["pauses"])
    for key in ("before", "after"):
        yield from _seconds((*path, "pauses", key), pauses.get(key), zero=True, filled=True)
    yield from _undefined((*path, "pauses"), dict(pauses), names)
    yield from _controls((*path, "controls"), activity)
    yield from _provider((*path, "provider"), _mapping(activity.get("provider")), names, secrets)
    yield from _tolerance((*path, "tolerance"), activity.get("tolerance"), names, secrets)
    if isinstance(proof := activity.get("proof"), dict):
        yield from _activity((*path, "proof"), proof, names, secrets)


def _provider(path: KeyPath, provider: Json, names: Names, secrets: Json) -> Iterator[Flaw]:
    kind = str(provider.get("type"))
    yield from _slips(path, provider, _KEYS.get(kind, ()))
    arguments = provider.get("arguments")
    if kind == "process":
        yield from _seconds((*path, "timeout"), provider.get("timeout"))
        yield from _undefined((*path, "arguments"), arguments, names, shell=names.environment)
    elif kind == "http":
        timeout = provider.get("timeout")
        for each in timeout if isinstance(timeout, list) else (timeout,):
            yield from _seconds((*path, "timeout"), each, filled=True)
        for key in ("url", "headers", "timeout"):
            yield from _undefined((*path, key), provider.get(key), names)
    if kind != "process":
        yield from _undefined((*path, "arguments"), arguments, names, shell=())
    groups = provider.get("secrets")
    if kind == "python" and groups is not None:
        if not isinstance(groups, list):
            yield Flaw((*path, "secrets"), "the groups of secrets are a list", _shown(groups), "such as [group]")
        for index, group in enumerate(groups if isinstance(groups, list) else ()):
            if str(group) not in secrets:
                hint, valid = did_you_mean(str(group), list(secrets)), one_of(secrets)
                what = f"there is no group of secrets {_shown(group)}"
                yield Flaw((*path, "secrets", index), what, _shown(group), valid, hint)


def _tolerance(path: KeyPath, tolerance: JsonValue, names: Names, secrets: Json) -> Iterator[Flaw]:
    if isinstance(tolerance, str):
        yield from _undefined(path, tolerance, names)
    if not isinstance(tolerance, dict):
        return
    bounds = tolerance.get("range")
    if isinstance(bounds, list) and len(bounds) == 2 and all(isinstance(each, int | float) for each in bounds):
        low, high = bounds
        if not low <= high:  # type: ignore[operator]  # both are numbers
            yield Flaw((*path, "range"), "no value is within this range", f"[{low}, {high}]", "the lower bound first")
    for key in ("pattern", "path", "expect"):
        yield from _undefined((*path, key), tolerance.get(key), names)
    if tolerance.get("type") == "probe":
        provider = _mapping(tolerance.get("provider"))
        yield from _provider((*path, "provider"), provider, names, secrets)
        if provider and not isinstance(provider.get("arguments"), dict):
            what = "Chaos Toolkit adds the value to the arguments, and there are none"
            yield Flaw((*path, "provider", "arguments"), what, _shown(provider.get("arguments")), "arguments: {}")


def _controls(path: KeyPath, holder: Json) -> Iterator[Flaw]:
    controls = holder.get("controls")
    for index, control in enumerate(controls if isinstance(controls, list) else ()):
        if not isinstance(control, dict):
            continue
        yield from _slips((*path, index), control, _KEYS["control"])
        provider = control.get("provider")
        if isinstance(provider, dict) and provider.get("type") != "python":
            seen = _shown(provider.get("type"))
            what = "Chaos Toolkit would pass over this control: its provider's type is not python"
            yield Flaw((*path, index, "provider", "type"), what, seen, "python", did_you_mean(seen, ["python"]))


def _meant(mapping: Json, known: Collection[str]) -> Json:
    """Return a mapping with the keys that were meant, so that a slip is told once and not by all that it entails."""
    missing = [each for each in known if each not in mapping]
    return {(misspelt(key, missing) or key) if key not in known else key: each for key, each in mapping.items()}


def _slips(path: KeyPath, mapping: Json, known: Collection[str]) -> Iterator[Flaw]:
    """Yield keys that are a slip away from one that is known and not there: ``rollback:`` silently disables every rollback."""
    missing = [each for each in known if each not in mapping]
    for key in mapping:
        if isinstance(key, str) and key not in known and (meant := misspelt(key, missing)):
            what = f"Chaos Toolkit does not know the key {key[:60]}, and would pass over it"
            yield Flaw((*path, key), what, key[:60], ", ".join(known), f'did you mean "{meant}"?', of_key=True)


def _strategies(runtime: Json) -> Iterator[Flaw]:
    yield from _slips(("runtime",), runtime, ("hypothesis", "rollbacks"))
    for part, valid, also in (("hypothesis", STRATEGIES, _ALSO), ("rollbacks", _ROLLBACKS, frozenset[str]())):
        declared = _mapping(runtime.get(part))
        yield from _slips(("runtime", part), declared, ("strategy",))
        strategy = declared.get("strategy")
        if strategy is not None and strategy not in [*valid, *also]:
            seen = _shown(strategy)
            what = f"there is no strategy {seen}"
            yield Flaw(("runtime", part, "strategy"), what, seen, one_of(valid), did_you_mean(seen, valid))


def _types(path: KeyPath, values: Json, known: tuple[str, ...]) -> Iterator[Flaw]:
    """Yield a source that is a slip away from one that Chaos Toolkit reads; any other mapping is a value of one's own."""
    for key, each in values.items():
        kind = each.get("type") if isinstance(each, dict) else None
        if isinstance(kind, str) and kind not in known and (meant := misspelt(kind, known)):
            what = f"Chaos Toolkit does not read values of the type {kind}, and would take the mapping itself"
            yield Flaw((*path, key, "type"), what, kind, one_of(known), f'did you mean "{meant}"?')


def _seconds(path: KeyPath, value: JsonValue, *, zero: bool = False, filled: bool = False) -> Iterator[Flaw]:
    """Yield a duration that no clock has; what is no number at all is Chaos Toolkit's to refuse, except where it does not look."""
    if value is None or (filled and isinstance(value, str) and _PLACEHOLDER.search(value)):
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value < 0 or (value == 0 and not zero):  # type: ignore[operator]  # it is a number
        valid = f"a number of seconds{', 0 or more' if zero else ' above 0'}, such as 5"
        yield Flaw(path, "this is no length of time", _shown(value), valid)


def _names(value: Json, environment: Collection[str]) -> Names:
    configuration, secrets = _mapping(value.get("configuration")), _mapping(value.get("secrets"))
    known = {*configuration, *secrets, *(name for group in secrets.values() for name in _mapping(group))}
    vault = any(_mapping(group).get("type") == "vault" for group in secrets.values())
    hypothesis = _mapping(value.get("steady-state-hypothesis"))
    holders = (value, hypothesis, *(activity for _, activity in activities(value)))
    return Names(frozenset(known), vault or any(each.get("controls") for each in holders), environment)


def _undefined(path: KeyPath, value: JsonValue, names: Names, shell: Collection[str] | None = None) -> Iterator[Flaw]:
    """
    Yield placeholders that stand for nothing; Chaos Toolkit leaves them as they are.

    Arguments (``shell`` is not None) may hold what somebody else fills in: a shell its variables. There a process is held only to what is
    a slip away from a name, and everybody else to what does not look like a variable.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _undefined((*path, key), each, names, shell)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _undefined((*path, index), each, names, shell)
    for name in _PLACEHOLDER.findall(value) if isinstance(value, str) else ():
        near = misspelt(name, names.known)
        others = names.open or shell or (shell is not None and _SHELL.fullmatch(name))
        if name in names.known or (others and (not near or name in (shell or ()))):
            continue
        valid = one_of(sorted(names.known), nothing="a name under configuration or secrets; there is none")
        hint = f'did you mean "{near}"?' if near else ""
        yield Flaw(path, f"nothing is called {name}, so ${{{name}}} would stay as it is", f"${{{name}}}", valid, hint)


def _mapping(value: JsonValue) -> Json:
    return value if isinstance(value, dict) else {}


def _shown(value: JsonValue) -> str:
    return "nothing" if value is None else str(value)[:60]
