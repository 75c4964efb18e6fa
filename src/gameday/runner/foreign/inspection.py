"""
Ask Chaos Toolkit about each part of a plain experiment by itself, so that it names every mistake and not the first.

Provider modules are imported and secrets are read, as by ``chaos validate``; nothing is called. Only ``validity`` does this, in a process that
ends with it.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from copy import deepcopy
from typing import Any

from chaoslib import substitute
from chaoslib.activity import ensure_activity_is_valid
from chaoslib.configuration import load_configuration
from chaoslib.control import validate_controls
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.extension import validate_extensions
from chaoslib.hypothesis import ensure_hypothesis_tolerance_is_valid
from chaoslib.secret import HAS_HVAC, load_secrets

from gameday.experiment.flaws import Flaw, KeyPath, did_you_mean, one_of
from gameday.experiment.overlooked import activities, dynamic, overlooked
from gameday.runner.foreign.proofs import with_proofs

Json = dict[str, Any]
SOUND: Json = {"type": "probe", "name": "sound", "provider": {"type": "http", "url": "http://127.0.0.1"}}
"""An activity that Chaos Toolkit accepts, into which one key of another is put."""
_LISTS = ("controls", "method", "rollbacks", "extensions", "tags")
_VALID = {
    "title": "a text",
    "description": "a text",
    "name": "a text",
    "type": "probe or action",
    "background": "true or false",
    "tags": "a list of texts",
    "ref": "the name of an activity",
    "tolerance": "a number, text, truth value, list, or a mapping with the type regex, jsonpath, range or probe",
    "pattern": "a regular expression of Python",
    "path": "a program on the PATH, or the path of one that may be executed",
    "range": "two numbers, such as [0, 5]",
    "url": "an address, such as http://127.0.0.1:8080/health",
    "headers": "a mapping",
    "module": "a module beside the experiment, on PYTHONPATH or installed",
    "method": "a list of activities, which may be empty",
    "rollbacks": "a list of activities",
    "probes": "a list of probes",
    "controls": "a list of controls",
    "scope": "before or after",
    "extensions": "a list of mappings, each with a name",
    "provider": "a mapping with the type python, process or http",
}
_LEVELS = ("experiment", "hypothesis", "method", "rollback", "activity")
_CONTROLS = (
    *(f"{scope}_{level}_control" for scope in ("before", "after") for level in _LEVELS),
    *("configure_control", "cleanup_control", "validate_control"),
)


def mistakes(value: Json) -> Iterator[Flaw]:
    """Yield every mistake; what Chaos Toolkit refuses in no part but as a whole comes last."""
    found = [*_parts(value), *overlooked(value, frozenset(os.environ))]
    yield from found
    if not found and (reason := _refused(ensure_experiment_is_valid, with_proofs(deepcopy(value)))):
        yield Flaw(
            (), "Chaos Toolkit does not accept the experiment", reason, "an experiment that chaos validate accepts"
        )


def _parts(value: Json) -> Iterator[Flaw]:
    for key in ("title", "description"):
        if not value.get(key):
            yield _flaw((key,), f"an experiment requires a {key}", value.get(key))
    if "method" not in value:
        yield _flaw(("method",), "an experiment requires a method", None)
    hypothesis = value.get("steady-state-hypothesis", {})
    if not isinstance(hypothesis, dict):
        yield _flaw(("steady-state-hypothesis",), "the hypothesis is no mapping", hypothesis, "a title and probes")
        hypothesis = {}
    elif "steady-state-hypothesis" in value and not hypothesis.get("title"):
        yield _flaw(("steady-state-hypothesis", "title"), "a hypothesis requires a title", hypothesis.get("title"))
    yield from _lists((), value, _LISTS)
    yield from _lists(("steady-state-hypothesis",), hypothesis, ("probes", "controls"))
    for index, tag in enumerate(_list(value.get("tags"))):
        if not isinstance(tag, str) or not tag:
            yield _flaw(("tags", index), "a tag is a text that is not empty", tag)
    for index, extension in enumerate(_list(value.get("extensions"))):
        if reason := _refused(validate_extensions, {"extensions": [extension]}):
            yield _flaw(("extensions", index, "name"), reason, extension)
    configuration = yield from _configuration(value)
    yield from _secrets(value.get("secrets", {}), configuration)
    yield from _activities(value, configuration)
    yield from _controls(value)


def _lists(path: KeyPath, holder: Json, keys: tuple[str, ...]) -> Iterator[Flaw]:
    for key in keys:
        if key in holder and not isinstance(holder[key], list):
            yield _flaw((*path, key), f"{key} must be a list", holder[key])


def _configuration(value: Json) -> Generator[Flaw, None, Json]:
    """Return what of the configuration is known before the run."""
    declared = value.get("configuration", {})
    if not isinstance(declared, dict):
        yield _flaw(("configuration",), "the configuration is no mapping", declared, "names with their values")
        return {}
    read: Json = {}
    for key, each in declared.items():
        if reason := _refused(lambda one: read.update(load_configuration(one)), {key: deepcopy(each)}):
            yield _source(("configuration", key), each, reason, "set it, or give the value a default")
    return {key: each for key, each in read.items() if not isinstance(each, dict)}


def _secrets(declared: Any, configuration: Json, path: KeyPath = ("secrets",)) -> Iterator[Flaw]:  # noqa: ANN401 - as it was read
    if not isinstance(declared, dict):
        yield _flaw(path, "the secrets are no mapping", "not shown", "groups with names and values")
        return
    for key, each in declared.items():
        kind = each.get("type") if isinstance(each, dict) else None
        if kind == "vault" and not HAS_HVAC:
            what = "this secret cannot be read: the package hvac is not installed"
            yield Flaw((*path, key), what, "type: vault", "pip install 'chaostoolkit-lib[vault]'")
        elif kind in ("env", "vault"):
            read: list[Json] = []
            reason = _refused(lambda one: read.append(load_secrets(one, configuration)), {key: deepcopy(each)})  # noqa: B023 - called at once
            if not reason and kind == "vault" and not read[0].get(key):
                reason = "there is nothing at this place of the vault"
            if reason:
                yield _source((*path, key), each, reason, "set it where gameday is started")
        elif isinstance(each, dict):
            yield from _secrets(each, configuration, (*path, key))


def _source(path: KeyPath, declared: Json, reason: str, cure: str) -> Flaw:
    """Say which variable is not set, or what else keeps a value from being read."""
    name = declared.get("key")
    if declared.get("type") == "env" and isinstance(name, str) and name not in os.environ and "default" not in declared:
        return Flaw((*path, "key"), f"the environment variable {name} is not set", name, cure)
    if declared.get("type") == "env" and not isinstance(name, str):
        return Flaw((*path, "key"), "no environment variable is named", _shown(name), "key: NAME")
    if "env_var_type" in declared:
        valid = "str, int, float, bytes, bool or json, and a value that can be read as one"
        return Flaw(
            (*path, "env_var_type"), f"the value cannot be read: {reason}", _shown(declared["env_var_type"]), valid
        )
    return Flaw(path, f"the value cannot be read: {reason}", str(declared.get("type")), "a source that can be read")


def _activities(value: Json, configuration: Json) -> Iterator[Flaw]:
    hypothesis = value.get("steady-state-hypothesis")
    probes = _list(hypothesis.get("probes")) if isinstance(hypothesis, dict) else []
    lists: list[tuple[KeyPath, list[Any]]] = [
        (("steady-state-hypothesis", "probes"), probes),
        *(((key,), _list(value.get(key))) for key in ("method", "rollbacks")),
    ]
    for path, listed in lists:
        for index, each in enumerate(listed):
            if not isinstance(each, dict) or not each:
                what = "this is no activity"
                yield _flaw((*path, index), what, each, "a mapping with type, name and provider, or with ref")
    for path, activity in activities(value):
        yield from _activity(path, activity, configuration)
        if path[0] == "steady-state-hypothesis" and "tolerance" not in activity:
            yield _flaw((*path, "tolerance"), "a probe of the hypothesis requires a tolerance", None)
        proof = activity.get("proof")
        if isinstance(proof, dict):
            yield from _activity((*path, "proof"), {"name": "proof", **proof, "type": "probe"}, configuration)
            if "tolerance" not in proof:
                what = f"the proof of {activity.get('name')} must have a tolerance"
                yield _flaw((*path, "proof", "tolerance"), what, None)
    for path, activity in dynamic(value):
        yield from _activity(path, {"name": "value", **activity}, configuration)


def _activity(path: KeyPath, activity: Mapping[str, Any], configuration: Json) -> Iterator[Flaw]:
    """Put one key after the other into an activity that is sound."""
    if not activity:
        return
    if activity.get("ref") is not None:
        if reason := _refused(ensure_activity_is_valid, {"ref": activity["ref"]}):
            yield _flaw((*path, "ref"), reason, activity["ref"])
        return
    for key in ("type", "name", "background"):
        sound = {each: SOUND[each] for each in SOUND if each != key}
        if reason := _refused(ensure_activity_is_valid, {**sound, **({key: activity[key]} if key in activity else {})}):
            hint = did_you_mean(str(activity.get(key)), ["probe", "action"]) if key == "type" else ""
            yield _flaw((*path, key), reason, activity.get(key), hint=hint)
    pauses = activity.get("pauses")
    if pauses is not None and not isinstance(pauses, dict):
        yield _flaw((*path, "pauses"), "the pauses are no mapping", pauses, "before and after, in seconds")
    provider = activity.get("provider")
    named = {**SOUND, "name": str(activity.get("name")), "type": str(activity.get("type"))}
    named["type"] = named["type"] if named["type"] in {"probe", "action"} else "probe"
    if reason := _refused(ensure_activity_is_valid, {**named, "provider": provider}):
        yield from _provider((*path, "provider"), provider, reason)
    elif isinstance(provider, dict) and provider.get("type") == "http":
        yield from _address((*path, "provider", "url"), provider.get("url"), configuration)
    if "tolerance" in activity:
        yield from _tolerance((*path, "tolerance"), activity["tolerance"], configuration)


def _provider(path: KeyPath, provider: Any, reason: str) -> Iterator[Flaw]:  # noqa: ANN401 - as it was read
    """Find the key of a provider for which Chaos Toolkit refuses it."""
    if not isinstance(provider, dict) or not provider:
        yield _flaw(path, "an activity requires a provider", provider)
        return
    kinds = ("python", "process", "http")
    kind = provider.get("type")
    if kind not in kinds:
        yield _flaw((*path, "type"), reason, kind, one_of(kinds), hint=did_you_mean(str(kind), kinds))
    elif kind == "python":
        yield from _function(path, provider, reason)
    else:
        key = "path" if kind == "process" else "headers" if provider.get("url") else "url"
        yield _flaw((*path, key), reason, provider.get(key))


def _function(path: KeyPath, provider: Json, reason: str) -> Iterator[Flaw]:
    name, function = provider.get("module"), provider.get("func")
    if not function:
        yield _flaw(
            (*path, "func"), "a Python activity must have a function name", function, "a function of the module"
        )
    if not isinstance(name, str) or not name:
        yield _flaw((*path, "module"), "a Python activity must have a module path", name)
        return
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody else's code
        yield _flaw((*path, "module"), f"the module {name} cannot be imported: {_said(error)}", name)
        return
    if not function:
        return
    functions = dict(inspect.getmembers(module, lambda each: inspect.isfunction(each) or inspect.isbuiltin(each)))
    if function not in [*functions]:
        public = [each for each in functions if not each.startswith("_")]
        what, hint = f"the module {name} has no function {function}", did_you_mean(str(function), public)
        yield _flaw((*path, "func"), what, function, one_of(public[:20]), hint=hint)
        return
    arguments = provider.get("arguments", {})
    found = tuple(_unbound((*path, "arguments"), functions[function], arguments)) if isinstance(arguments, dict) else ()
    yield from found or (_flaw((*path, "arguments"), reason, arguments, "what the function takes, by name"),)


def _unbound(path: KeyPath, function: Callable[..., Any], arguments: Json) -> Iterator[Flaw]:
    """Yield arguments that the function requires and does not get, and those that it does not know."""
    taken = inspect.signature(function).parameters
    given = {*arguments, "secrets", "configuration"}
    for name, each in taken.items():
        if (
            each.default is each.empty
            and each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}
            and name not in given
        ):
            yield Flaw(
                path, f"the required argument {name} is missing", one_of(map(str, arguments), nothing="none"), name
            )
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return
    for name in arguments:
        if name not in taken:
            what, hint = f"the function has no argument {name}", did_you_mean(str(name), list(taken))
            yield Flaw((*path, name), what, str(name), one_of(taken, nothing="it has none"), hint, of_key=True)


def _address(path: KeyPath, url: Any, configuration: Json) -> Iterator[Flaw]:  # noqa: ANN401 - as it was read
    """Yield an address that no request can be sent to, where the configuration alone makes it."""
    filled = substitute(url, configuration, {})
    if not isinstance(filled, str) or ("$" not in filled and not filled.lower().startswith(("http://", "https://"))):
        yield _flaw(path, "this is no address of http or https", url)


def _tolerance(path: KeyPath, tolerance: Any, configuration: Json) -> Iterator[Flaw]:  # noqa: ANN401 - as it was read
    if isinstance(tolerance, dict) and tolerance.get("type") == "probe":
        yield from _activity(path, tolerance, configuration)
        return
    reason = _refused(ensure_hypothesis_tolerance_is_valid, tolerance)
    if not reason:
        return
    keys = {"regex": "pattern", "jsonpath": "path", "range": "range"}
    kind = tolerance.get("type") if isinstance(tolerance, dict) else None
    if not isinstance(tolerance, dict):
        yield _flaw(path, reason, tolerance, _VALID["tolerance"])
    elif kind in [*keys]:
        valid = "a JSON path, such as $.count" if kind == "jsonpath" else ""
        yield _flaw((*path, keys[kind]), reason, tolerance.get(keys[kind]), valid)
    else:
        kinds = ("probe", *keys)
        yield _flaw((*path, "type"), reason, kind, one_of(kinds), hint=did_you_mean(str(kind), kinds))


def controls_of(value: Json) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every control with its key path."""
    hypothesis = value.get("steady-state-hypothesis")
    holders: list[tuple[KeyPath, Any]] = [((), value), (("steady-state-hypothesis",), hypothesis), *activities(value)]
    for path, holder in holders:
        for index, control in enumerate(_list(holder.get("controls")) if isinstance(holder, Mapping) else ()):
            yield (*path, "controls", index), control


def _controls(value: Json) -> Iterator[Flaw]:
    known = [str(each["name"]) for _, each in controls_of(value) if isinstance(each, dict) and "name" in each]
    stubs = [{"name": name, "provider": {}} for name in known]
    for path, control in controls_of(value):
        if not isinstance(control, dict):
            yield _flaw(path, "this is no control", control, "a mapping with name and provider")
            continue
        provider = control.get("provider")
        provider = provider if isinstance(provider, dict) else {}
        module = provider.get("module")
        if isinstance(module, str) and module and provider.get("type") == "python":
            try:
                imported = importlib.import_module(module)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody else's code
                what = (
                    f"the control {control.get('name')} would do nothing: its module cannot be imported: {_said(error)}"
                )
                yield _flaw((*path, "provider", "module"), what, module)
                continue
            if not any(hasattr(imported, each) for each in _CONTROLS):
                what = f"the control {control.get('name')} would do nothing: its module has no function of a control"
                yield _flaw((*path, "provider", "module"), what, module, one_of(_CONTROLS))
        if reason := _refused(validate_controls, {"controls": [*stubs, deepcopy(control)]}):
            key = next((each for each in ("name", "provider") if each not in control), "scope")
            if "ref" in control and control["ref"] not in known:
                key, reason = "ref", f"there is no control {control['ref']}"
            elif key == "scope" and control.get("scope") in (None, "", "before", "after"):
                yield _flaw((*path, "provider", "module"), reason, module)
                continue
            yield _flaw((*path, key), reason, control.get(key))


def _refused(check: Callable[[Any], object], part: Any) -> str | None:  # noqa: ANN401 - whatever stands in the file
    """Return why Chaos Toolkit does not accept a part; None when it does."""
    try:
        check(part)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it raises TypeError and others for some shapes
        return _said(error)
    return None


def _said(error: BaseException) -> str:
    """Return what an exception says, with its kind where it is none of Chaos Toolkit's."""
    of_toolkit = type(error).__module__.startswith("chaoslib") or isinstance(error, ImportError)
    text = " ".join(str(error).split())
    return text if of_toolkit and text else f"{type(error).__name__}: {text}".removesuffix(": ")


def _flaw(path: KeyPath, message: str, seen: Any, valid: str = "", *, hint: str = "") -> Flaw:  # noqa: ANN401 - same
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return Flaw(path, message, _shown(seen), valid or _VALID.get(key, "what Chaos Toolkit accepts"), hint)


def _shown(value: Any) -> str:  # noqa: ANN401 - same
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if value is None or value == "":
        return "nothing" if value is None else "empty text"
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - same
    return value if isinstance(value, list) else []
