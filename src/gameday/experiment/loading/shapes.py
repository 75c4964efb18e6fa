"""What the models allow at a key path, read from their JSON Schema: valid keys, words for a kind, a value that would do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import cast

from pydantic import BaseModel

from gameday.experiment.loading.plain import Plain

Node = dict[str, Plain]
_WORDS = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}
_INTERNAL = frozenset({"others"})
"""Keys of models that no file has: loading fills them."""
_EXAMPLES: dict[str, Plain] = {"boolean": False, "integer": 1, "number": 1, "string": "x"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One node of a schema, with references and ``| None`` followed; ``definitions`` are the schema's named parts."""

    node: Node
    definitions: Node

    def child(self, part: str | int) -> Shape | None:
        """Return what is allowed under a key or list position; None when nothing is known about it."""
        if isinstance(part, int):
            return self._shape(self.node.get("items"))
        declared = self._shape(_mapping(self.node.get("properties")).get(part))
        patterned = next(iter(_mapping(self.node.get("patternProperties")).values()), None)
        return declared or self._shape(patterned) or self._shape(self.node.get("additionalProperties"))

    def keys(self) -> tuple[str, ...] | None:
        """Return the valid keys of a mapping in declared order; None where keys are free."""
        if self.node.get("additionalProperties") is not False or "patternProperties" in self.node:
            return None
        return tuple(name for name in _mapping(self.node.get("properties")) if name not in _INTERNAL)

    def required(self) -> tuple[str, ...]:
        """Return the keys that a mapping must have."""
        return tuple(str(key) for key in _sequence(self.node.get("required")))

    def choices(self) -> tuple[str, ...]:
        """Return the valid words, empty where any text is."""
        constant = [self.node["const"]] if "const" in self.node else []
        return tuple(str(word) for word in (*_sequence(self.node.get("enum")), *constant))

    def words(self) -> str:
        """Say in words what is valid."""
        examples = _sequence(self.node.get("examples"))
        such_as = f", such as {examples[0]}" if examples else ""
        keys, item = self.keys(), self.child(0)
        match self.node.get("type"):
            case _ if self.choices():
                words = " or ".join(self.choices())
            case "string" | "array" if "description" in self.node:
                words = f"{self.node['description']}{such_as}"
            case "string":
                words = f"text{such_as}" if such_as else "text, in quotes if it looks like a number, a yes or a no"
            case "array":
                words = f"a list, each item {item.words()}" if item else "a list"
            case "object":
                words = f"a mapping with the keys {', '.join(keys)}" if keys else "a mapping"
            case kind:
                words = _WORDS.get(str(kind), "a value") + such_as
        return words

    def example(self) -> Plain:
        """Make up the smallest value that is valid."""
        examples = (*_sequence(self.node.get("examples")), *self.choices())
        if examples:
            return examples[0]
        match self.node.get("type"):
            case "array":
                item, length = self.child(0), cast("int", self.node.get("minItems", 0))
                return [item.example() if item else None] * length
            case "object":
                children = ((key, self.child(key)) for key in self.required())
                return {key: child.example() if child else None for key, child in children}
            case kind:
                return _EXAMPLES.get(str(kind))

    def _shape(self, node: Plain) -> Shape | None:
        while isinstance(node, dict):
            if "$ref" in node:
                node = self.definitions[str(node["$ref"]).rsplit("/", 1)[-1]]
            elif "anyOf" in node:
                node = next(
                    one for one in _sequence(node["anyOf"]) if isinstance(one, dict) and one.get("type") != "null"
                )
            else:
                return Shape(node, self.definitions)
        return None


@cache
def shape(model: type[BaseModel]) -> Shape:
    """Return the shape of a model's files."""
    node = cast("Node", json.loads(json.dumps(model.model_json_schema(by_alias=True))))
    return Shape(node, _mapping(node.get("$defs")))


def _mapping(value: Plain) -> Node:
    return value if isinstance(value, dict) else {}


def _sequence(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []
