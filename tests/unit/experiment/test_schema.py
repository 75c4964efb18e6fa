"""The JSON Schemas that ship are current, accept the files that ship, and refuse what loading refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping

import jsonschema
import pytest
import yaml
from pydantic import JsonValue

from gameday.experiment.loading.finding import shipped
from gameday.experiment.schema import experiment_schema, system_schema, to_text
from gameday.faults import catalogue
from unit.experiment.small_files import EXPERIMENT, SYSTEM

SCHEMAS = {"experiment": experiment_schema(catalogue()), "system": system_schema()}
FILES = [
    *(pytest.param("experiment", path, id=path.stem) for path in sorted(shipped().glob("*.yaml"))),
    *(pytest.param("system", path, id=path.stem) for path in sorted((shipped() / "systems").glob("*.yaml"))),
]


def accepts(kind: str, text: str) -> bool:
    """Validate a file's text as an editor does."""
    return jsonschema.Draft202012Validator(SCHEMAS[kind]).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schema_that_ships_is_current(kind: str) -> None:
    """``gameday schema KIND > experiments/schema/KIND.json`` makes it so."""
    shipping = (shipped() / "schema" / f"{kind}.json").read_text(encoding="utf-8")
    assert shipping == to_text(SCHEMAS[kind])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schema_is_itself_valid(kind: str) -> None:
    """Editors read it by the dialect that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize(("kind", "path"), FILES)
def test_files_that_ship_are_accepted(kind: str, path: str) -> None:
    """And so are the small files of the tests."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pytest's parameter may be either
        assert accepts(kind, file.read())
    assert accepts("experiment", EXPERIMENT)
    assert accepts("system", SYSTEM)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("experiment", "tags:", "tag:"),
        ("experiment", "buy: 100/s", "buy: 100"),
        ("experiment", "buy: 100/s", "Buy: 100/s"),
        ("experiment", "- latency:", "- latencey:"),
        ("experiment", "delay: 2s", "delay: 2"),
        ("experiment", "title: Does it hold?\n", ""),
        ("system", "kind: redis", "kind: memcached"),
        ("system", "- web -> cache", "- web to cache"),
        ("system", "zipf(1.0, 20)", "uniform(20)"),
    ],
)
def test_what_is_wrong_is_refused(kind: str, old: str, new: str) -> None:
    """The editor marks it before gameday does."""
    text = EXPERIMENT if kind == "experiment" else SYSTEM
    assert text.count(old) == 1
    assert not accepts(kind, text.replace(old, new))


def test_defaults_are_written_as_files_write_them() -> None:
    """Every default of a text is a text that the same schema accepts."""
    found = [node for schema in SCHEMAS.values() for node in nodes(schema) if "default" in node]
    assert len(found) > 20
    for node in found:
        jsonschema.validate(node["default"], {**node, "$defs": {}})


def nodes(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    """Return every mapping within a schema."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict) else []
    return [*own, *(node for each in inner for node in nodes(each))]


def test_the_text_is_stable() -> None:
    """The order of keys comes from the models, so that a diff shows what changed."""
    assert json.loads(to_text(SCHEMAS["system"])) == SCHEMAS["system"]
