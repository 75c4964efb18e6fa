"""Suite files: found by name, read strictly, and every mistake of all files is told at once."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from gameday.cli.catalogue import suite
from gameday.cli.exits import Exit
from gameday.cli.main import main
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.finding import shipped
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.schema import suite_schema, to_text
from unit.experiment.small_files import EXPERIMENT, SYSTEM, TOKEN, lay_out

SUITE = """\
title: Both variants
experiments:
  - small
  - {experiment: small, variant: naive, seed: 7, expect: fail}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with one experiment and one suite of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TOKEN, "hunter2-hunter2")
    lay_out(tmp_path / "experiments")
    (tmp_path / "experiments" / "suites").mkdir()
    write(SUITE)


def write(text: str) -> None:
    """Write the suite."""
    Path("experiments/suites/both.yaml").write_text(text, encoding="utf-8")


def mistakes(text: str) -> list[str]:
    """Return every mistake of a suite's text as ``FILE:LINE KEY.PATH: MESSAGE``."""
    write(text)
    with pytest.raises(InvalidFileError) as caught:
        suite("both")
    return [f"{each.file.name}:{each.line} {each.key_path}: {each.message}" for each in caught.value.problems]


def test_a_suite_is_found_by_name_and_by_path() -> None:
    """An entry may be a name alone; what it does not say comes from the command line."""
    for name in ("both", "experiments/suites/both.yaml"):
        found = suite(name)
        assert (found.name, [each.name for each in found.entries]) == ("both", ["small", "small"])
        bare, full = (each.declared for each in found.entries)
        assert (bare.variant, bare.seed, bare.expect) == (None, None, "pass")
        assert (full.variant, full.seed, full.expect) == ("naive", 7, "fail")


def test_a_path_is_seen_from_the_suite_s_file() -> None:
    """So that a folder with suites and experiments can be moved."""
    Path("experiments/suites/mine.yaml").write_text(EXPERIMENT, encoding="utf-8")
    Path("experiments/suites/systems").mkdir()
    Path("experiments/suites/systems/tiny.yaml").write_text(SYSTEM, encoding="utf-8")
    write("title: One\nexperiments: [./mine.yaml]\n")
    (only,) = suite("both").entries
    assert only.loaded.experiment_path == Path("experiments/suites/mine.yaml")
    assert suite("both").path == Path("experiments/suites/both.yaml")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("- small", "- smal", ["both.yaml:3 experiments[0]: there is no experiment smal"]),
        (
            "experiment: small",
            "experiment: smal",
            ["both.yaml:4 experiments[1].experiment: there is no experiment smal"],
        ),
        (
            "variant: naive",
            "variant: naif",
            ["both.yaml:4 experiments[1].variant: the system tiny has no variant naif"],
        ),
        ("expect: fail", "expect: fails", ["both.yaml:4 experiments[1].expect: expect is not a valid word"]),
        ("seed: 7", "seed: -7", ["both.yaml:4 experiments[1].seed: seed is out of range"]),
        ("seed: 7", "sed: 7", ["both.yaml:4 experiments[1].sed: unknown key sed"]),
        ("title: Both variants\n", "", ["both.yaml:1 title: title is missing"]),
        ("  - small\n", "  - small\n  - small\n", ["both.yaml:4 experiments[1]: the same run stands twice"]),
        ("- small", "- 7", ["both.yaml:3 experiments[0]: experiments[0] is of the wrong kind"]),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, expected: list[str]) -> None:
    """In the words of the other files."""
    assert mistakes(SUITE.replace(old, new, 1)) == expected


def test_an_empty_list_is_a_mistake() -> None:
    """A suite of nothing would pass every night."""
    assert mistakes("title: None\nexperiments: []\n") == ["both.yaml:2 experiments: experiments is empty"]


def test_the_mistakes_of_all_files_are_told_at_once() -> None:
    """Of the suite, of an experiment, and of its system."""
    Path("experiments/small.yaml").write_text(EXPERIMENT.replace("tags:", "tag:"), encoding="utf-8")
    Path("experiments/systems/tiny.yaml").write_text(SYSTEM.replace("kind: redis", "kind: rediss"), encoding="utf-8")
    told = mistakes(SUITE.replace("title:", "titel:"))
    assert {each.split(":")[0] for each in told} == {"both.yaml", "small.yaml", "tiny.yaml"}


def test_a_plain_experiment_has_no_place_in_a_suite() -> None:
    """It has no seed, no variant, and no findings to compare."""
    Path("experiments/plain.yaml").write_text(
        "version: 1.0.0\ntitle: Plain\ndescription: None.\nmethod: []\n", encoding="utf-8"
    )
    assert mistakes(f"{SUITE}  - plain\n") == [
        "both.yaml:5 experiments[2]: a plain Chaos Toolkit experiment cannot stand in a suite"
    ]


def test_an_unknown_suite_is_told_with_those_there_are() -> None:
    """With the likely name."""
    with pytest.raises(Trouble) as caught:
        suite("bot")
    assert caught.value.hint == 'did you mean "both"?'


def test_the_schema_that_ships_is_current_and_accepts_the_suites_that_ship() -> None:
    """``gameday schema suite > experiments/schema/suite.json`` makes it so."""
    schema = suite_schema()
    assert (shipped() / "schema" / "suite.json").read_text(encoding="utf-8") == to_text(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in (*(shipped() / "suites").glob("*.yaml"), Path("experiments/suites/both.yaml")):
        assert validator.is_valid(yaml.safe_load(path.read_text(encoding="utf-8"))), path
    for wrong in (SUITE.replace("variant: naive", "variant: Naive"), SUITE.replace("title:", "titel:")):
        assert not validator.is_valid(yaml.safe_load(wrong))


def test_the_suite_that_ships_names_every_experiment_that_ships() -> None:
    """A new experiment is in the night from its first day on."""
    named = {each.loaded.name for each in suite("nightly").entries}
    assert named == {path.stem for path in shipped().glob("*.yaml")}


def test_validate_and_list_know_suites(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, by path, and without a name."""
    for arguments in (["validate", "both"], ["validate", "experiments/suites/both.yaml"]):
        assert main(arguments) == Exit.PASSED
        assert capsys.readouterr().out == "valid  both  (experiments/suites/both.yaml, suite of 2 experiments)\n"
    assert main(["list"]) == Exit.PASSED
    assert "both     Both variants" in capsys.readouterr().out
    write(SUITE.replace("- small", "- smal"))
    assert main(["validate"]) == Exit.USAGE
    assert "experiments/suites/both.yaml:3  experiments[0]" in capsys.readouterr().err
