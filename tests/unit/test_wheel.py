"""The wheel holds the experiments that ship, and nothing else that lies beside them."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from samples import ROOT


def test_the_wheel_takes_the_tracked_experiments_by_name() -> None:
    """A folder would take along drafts that nobody has committed; a file that is forgotten would be missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    listed = subprocess.run(["git", "ls-files", "experiments"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - git is the one on PATH
    tracked = listed.stdout.split()
    assert {name: place for name, place in included.items() if name.startswith("experiments")} == {
        name: f"gameday/{name}" for name in tracked
    }


PINNED = {"run": ("demo",), "dev": ("demo", "dev"), "redis": (), "shop": (), "load": (), "audit": ()}
"""The files of pinned packages -> the extras that they hold whole."""


@pytest.mark.parametrize("name", PINNED)
def test_what_is_installed_is_pinned_with_hashes_and_fits_the_ranges(name: str) -> None:
    """A range that was changed without ``scripts/lock`` would be ignored."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.search(r"^\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in lines)
    pinned = [Requirement(line.partition("--hash")[0].strip()) for line in lines]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    ranges = [*map(Requirement, [*project["dependencies"], *(each for extra in extras.values() for each in extra)])]
    for each in pinned:
        (version,) = (one.version for one in each.specifier)
        assert all(asked.specifier.contains(version) for asked in ranges if same(asked, each)), each
    if PINNED[name]:
        wanted = [*project["dependencies"], *(each for extra in PINNED[name] for each in extras[extra])]
        assert all(any(same(asked, each) for each in pinned) for asked in map(Requirement, wanted))


def same(one: Requirement, other: Requirement) -> bool:
    """Return whether two requirements are of the same package."""
    return canonicalize_name(one.name) == canonicalize_name(other.name)


def test_workflows_use_actions_by_their_hash_and_say_what_they_may() -> None:
    """A tag can be moved; a workflow without permissions has the repository's."""
    for path in (ROOT / ".github" / "workflows").glob("*.yaml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in used)
