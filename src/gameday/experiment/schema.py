"""
The JSON Schema of every kind of file, so that editors complete them and show what each key means.

It is the models' own schema, with the method's short forms for the faults of a catalogue, and with defaults written as the files
write them.
"""

from __future__ import annotations

import json
from typing import cast

from pydantic import BaseModel, JsonValue

from gameday.experiment.catalogue import Catalogue
from gameday.experiment.foreign import ACTIVITY
from gameday.experiment.model import Experiment, System
from gameday.experiment.suite import Suite
from gameday.experiment.units import Threshold
from gameday.experiment.writing import at_most_seconds, of_number, of_share, per_second, seconds, share

Node = dict[str, JsonValue]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def experiment_schema(catalogue: Catalogue) -> Node:
    """Return the schema of an experiment file whose method may call the faults of a catalogue."""
    schema = _schema(Experiment)
    definitions = cast("Node", schema["$defs"])
    del definitions["FaultCall"]
    timing = cast("Node", cast("Node", definitions.pop("Timing"))["properties"])
    forms: list[JsonValue] = []
    for name, fault in catalogue.items():
        parameters = _schema(fault.parameters, prefix=f"{name}.")
        definitions.update(cast("Node", parameters.pop("$defs", {})))
        bare = not parameters.get("required")
        forms.append(
            {
                "type": "object",
                "properties": {name: {"anyOf": [parameters, {"type": "null"}]} if bare else parameters, **timing},
                "required": [name],
                "additionalProperties": False,
            }
        )
        if bare:
            forms.append({"const": name})
        if name == ACTIVITY:  # as Chaos Toolkit writes it
            flat = cast("Node", parameters["properties"])
            forms.append({**parameters, "properties": {**flat, **timing}, "required": ["type", "name", "provider"]})
    _with_others(definitions)
    properties = cast("Node", schema["properties"])
    properties["method"] = {"type": "array", "minItems": 1, "items": {"anyOf": forms}}
    return {"$schema": DIALECT, "title": "gameday experiment", **schema}


def _with_others(definitions: Node) -> None:
    """Let probes of Chaos Toolkit stand among those of routes, where a file has them."""
    hypothesis = cast("Node", cast("Node", definitions["Hypothesis"])["properties"])
    del hypothesis["others"]
    probes = cast("Node", hypothesis["probes"])
    other: Node = {
        "type": "object",
        "description": "A probe of Chaos Toolkit, behind those of routes.",
        "required": ["name", "provider", "tolerance"],
    }
    probes["items"] = {"anyOf": [probes["items"], other]}


def system_schema() -> Node:
    """Return the schema of a system file."""
    return {"$schema": DIALECT, "title": "gameday system", **_schema(System)}


def suite_schema() -> Node:
    """Return the schema of a suite file, whose entries may be names alone."""
    schema = _schema(Suite)
    listed = cast("Node", cast("Node", schema["properties"])["experiments"])
    listed["items"] = {"anyOf": [{"type": "string", "minLength": 1}, listed["items"]]}
    return {"$schema": DIALECT, "title": "gameday suite", **schema}


def to_text(schema: Node) -> str:
    """Write a schema as the files in ``experiments/schema`` hold it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], *, prefix: str = "") -> Node:
    """Return a model's schema; ``prefix`` keeps the names of its definitions apart from others'."""
    text = json.dumps(model.model_json_schema(by_alias=True)).replace("#/$defs/", f"#/$defs/{prefix}")
    schema = cast("Node", json.loads(text))
    definitions = cast("Node", schema.pop("$defs", {}))
    tidied: Node = {f"{prefix}{name}": _tidied(each) for name, each in definitions.items()}
    schema = cast("Node", _tidied(schema))
    return {**schema, "$defs": tidied} if tidied else schema


def _tidied(node: JsonValue) -> JsonValue:
    """Drop pydantic's made-up titles, and write defaults as the files do."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidied: Node = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default":
            written = _default(value, node)
            tidied.update({"default": written} if written is not None else {})
        elif key == "description" and isinstance(value, str):
            tidied[key] = " ".join(value.replace("``", "`").split())
        elif key in {"properties", "patternProperties"} and isinstance(value, dict):
            tidied[key] = {name: _tidied(each) for name, each in value.items()}
            tidied.setdefault("additionalProperties", False)
        else:
            tidied[key] = _tidied(value)
    return tidied


def _default(value: JsonValue, node: Node) -> JsonValue:
    """Write a default as a file does; None for one that a file would not write out."""
    if isinstance(value, dict) and "bound" in value:
        threshold = Threshold.model_validate(value)
        example = _example(node)
        if example.endswith("%"):
            return of_share(threshold)
        return at_most_seconds(threshold) if example.endswith("s") else of_number(threshold)
    if isinstance(value, float) and node.get("type") == "string":
        example = _example(node)
        if example.endswith("%"):
            return share(value)
        return per_second(value) if example.endswith("/s") else seconds(value)
    return value if isinstance(value, str | bool) else None


def _example(node: Node) -> str:
    examples = node.get("examples")
    return str(examples[0]) if isinstance(examples, list) and examples else ""
