"""A plain Chaos Toolkit experiment is recognised by what it has not, and read as Chaos Toolkit reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import JsonValue

from gameday.experiment.foreign import foreign_plan, is_foreign, read_foreign_plan
from gameday.experiment.loading.finding import shipped
from gameday.experiment.loading.foreign import read_foreign
from gameday.experiment.overlooked import overlooked

PROBE: dict[str, JsonValue] = {
    "type": "probe",
    "name": "one",
    "tolerance": 1,
    "provider": {"type": "process", "path": "true"},
}
PLAIN: dict[str, JsonValue] = {
    "title": "t",
    "description": "d",
    "secrets": {"group": {"token": {"type": "env", "key": "TOKEN"}, "other": "in-the-file"}},
    "steady-state-hypothesis": {"title": "h", "probes": [PROBE]},
    "method": [{"ref": "one"}, {**PROBE, "type": "action", "name": "two", "timeout": 3, "proof": {"tolerance": 1}}],
    "rollbacks": [{"type": "action", "name": "back", "provider": {"type": "python", "module": "m", "func": "f"}}],
}


def write(folder: Path, value: dict[str, JsonValue], name: str = "plain.json") -> Path:
    """Write an experiment."""
    path = folder / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@pytest.mark.parametrize("section", ["system", "load", "phases", "expect", "safety", "decides"])
def test_a_section_of_gamedays_makes_it_gamedays(section: str) -> None:
    """One is enough: then every mistake is told by the strict loader."""
    assert is_foreign(PLAIN)
    assert not is_foreign({**PLAIN, section: None})


@pytest.mark.parametrize(
    "value",
    [{**PLAIN, "method": ["none"]}, {**PLAIN, "method": [{"latency": {}}]}, {"title": "t"}, [PLAIN], "text", None],
    ids=["a bare fault", "a short form", "no method", "a list", "text", "nothing"],
)
def test_short_forms_and_other_shapes_are_not_plain(value: JsonValue) -> None:
    """A file that forgot its system is still gameday's own."""
    assert not is_foreign(value)


def test_every_shipped_experiment_is_gamedays_own() -> None:
    """None is mistaken for a plain one."""
    paths = list(shipped().glob("*.yaml"))
    assert paths
    assert [path.name for path in paths if read_foreign(path)] == []


def test_the_plan_says_what_will_be_done_and_survives_the_disk() -> None:
    """References are resolved, arguments are left out."""
    plan = foreign_plan(PLAIN, name="plain")
    assert [(step.name, step.kind, step.proven) for step in plan.method] == [
        ("one", "probe", False),
        ("two", "action", True),
    ]
    assert plan.method[1].timeout_s == 3
    assert plan.rollbacks[0].provider == "python m.f"
    assert read_foreign_plan(plan.to_json()) == plan


def test_anchors_merge_keys_and_doubled_keys_are_read_as_chaos_toolkit_does(tmp_path: Path) -> None:
    """The strict loader would refuse them; a plain file runs unchanged."""
    path = tmp_path / "plain.yaml"
    path.write_text(
        "title: first\ntitle: second\ndescription: d\nmethod:\n"
        "  - &probe {type: probe, name: one, provider: {type: process, path: 'true'}}\n"
        "  - {<<: *probe, name: two}\n",
        encoding="utf-8",
    )
    foreign = read_foreign(path)
    assert foreign is not None
    assert foreign.plan.title == "second"
    assert [step.provider for step in foreign.plan.method] == ["process true"] * 2


def test_secrets_are_known_before_the_run(tmp_path: Path) -> None:
    """Those of the environment and those in the file."""
    foreign = read_foreign(write(tmp_path, PLAIN))
    assert foreign is not None
    assert foreign.secrets({"TOKEN": "hush"}) == {"hush", "in-the-file"}, (
        "and neither env nor TOKEN, which are no secrets"
    )


@pytest.mark.parametrize("key", ["rollback", "rolbacks", "roll_backs", "Rollbacks", "rollbakcs"])
def test_a_key_that_is_nearly_one_is_told(key: str) -> None:
    """``rollback`` would silently disable every rollback."""
    value = {(key if each == "rollbacks" else each): part for each, part in PLAIN.items()}
    assert [(flaw.path, flaw.hint) for flaw in overlooked(value, ())] == [((key,), 'did you mean "rollbacks"?')]


@pytest.mark.parametrize(
    "key", ["reason", "apiVersion", "target", "actions", "extends", "run", "owner", "day", "x-ours"]
)
def test_a_key_of_ones_own_is_nobodys_business(key: str) -> None:
    """Chaos Toolkit passes over it, and so do we."""
    assert [*overlooked({**PLAIN, key: "ours"}, ())] == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {key: each for key, each in PLAIN.items() if key != "method"},
        {**PLAIN, "method": {"one": PROBE}},
        {**PLAIN, "method": [PROBE, None]},
        {**PLAIN, "method": [PROBE, dict[str, JsonValue](name="nobody")]},
    ],
    ids=["no method", "a mapping", "an empty entry", "an entry without all that is needed"],
)
def test_a_plain_experiment_whose_method_is_broken_is_still_one(spoilt: JsonValue) -> None:
    """So that its mistake is told in Chaos Toolkit's words."""
    assert is_foreign(spoilt)


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Of what is merged, of what stands behind an alias, and in JSON that is indented by tabs."""
    path = tmp_path / "plain.yaml"
    path.write_text(
        "title: t\ndescription: d\nmethod:\n  - &one\n    type: probe\n    name: one\n    provider: {type: process, path: a}\n"
        "  - <<: *one\n    name: two\n  - *one\n",
        encoding="utf-8",
    )
    yaml, json_ = read_foreign(path), read_foreign(write(tmp_path, PLAIN))
    assert yaml is not None
    assert json_ is not None
    places = (("method", 0, "name"), ("method", 1, "name"), ("method", 1, "provider"), ("method", 2, "type"))
    assert [yaml.document().line(place) for place in places] == [6, 9, 7, 5]
    (tmp_path / "plain.json").write_text(json.dumps(PLAIN, indent="\t"), encoding="utf-8")
    tabs = read_foreign(tmp_path / "plain.json")
    assert tabs is not None
    assert tabs.document().line(("title",)) == 2


@pytest.mark.parametrize("text", ["[", "\x00", "method: [", '{"method": ['], ids=repr)
def test_what_cannot_be_read_is_left_to_the_strict_loader(tmp_path: Path, text: str) -> None:
    """It says what is wrong, with a line."""
    for name in ("odd.yaml", "odd.json"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_foreign(tmp_path / name) is None


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    """It can be read once only."""
    os.mkfifo(tmp_path / "pipe.yaml")
    assert read_foreign(tmp_path / "pipe.yaml") is None
