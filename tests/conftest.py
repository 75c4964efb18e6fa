"""Options of the whole test command."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from drawing import left_out

SEEDS, SEEDS_AT_NIGHT = 20, 200
settings.register_profile("gameday", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("gameday")


def _commit() -> str:
    """Return the commit's hash, so that nobody tunes to the seeds; a fixed word where there is no commit."""
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],  # noqa: S607 - git is found as the user finds it
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() if found.returncode == 0 else "no commit"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where the simulator's seeds come from, how many runs each statistical claim is tested on, and the golden files' flag."""
    group = parser.getgroup("simulator")
    group.addoption("--seeds-from", default=None, help="any text; by default the hash of the commit")
    group.addoption(
        "--seeds", type=int, default=None, help=f"simulated runs per claim ({SEEDS}; nightly: {SEEDS_AT_NIGHT})"
    )
    parser.addoption("--nightly", action="store_true", help="do all that a revision's tests draw a part of")
    parser.addoption("--renew", action="store_true", help="write the golden files anew instead of comparing with them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this revision does not draw."""
    if out := left_out(config, items):
        config.hook.pytest_deselected(items=out)
        unwanted = set(out)
        items[:] = [item for item in items if item not in unwanted]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Fix the text once, so that the header and all tests use the same; what Hypothesis draws derives from it too. Keep workers apart."""
    if config.option.seeds is None:
        config.option.seeds = SEEDS_AT_NIGHT if config.option.nightly else SEEDS
    if config.option.seeds_from is None:
        config.option.seeds_from = _commit()
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = _number(config)
    os.environ["XDG_STATE_HOME"] = state = tempfile.mkdtemp(
        prefix="gameday-state-"
    )  # the user's own key is not for tests
    config.add_cleanup(partial(shutil.rmtree, state, ignore_errors=True))
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _keep_apart(worker, config)


def _keep_apart(worker: str, config: pytest.Config) -> None:
    """Give a worker of pytest-xdist temporary files of its own: each start of a shop removes the folders of all that have died."""
    folder = tempfile.mkdtemp(prefix=f"gameday-{worker}-")
    config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))
    Path(folder).chmod(0o711)  # root's databases run as another user
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = None  # it was found before


def pytest_report_header(config: pytest.Config) -> str:
    """Print how to get the same seeds again."""
    return f'simulated runs: --seeds-from="{config.option.seeds_from}" --seeds={config.option.seeds}'


@pytest.fixture(scope="session")
def revision_seed(pytestconfig: pytest.Config) -> int:
    """Return a seed below a million that the same text gives again."""
    return _number(pytestconfig)


def _number(config: pytest.Config) -> int:
    text: str = config.option.seeds_from
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % 1_000_000
