"""
Every fault on a system that its authors never saw, as an observer from outside sees it; sabotaged, no run may pass.

The runs go on in two namespaces beside each other, and each test is about one of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from cluster.standing import Stands
from gameday.faults import catalogue
from two_tier.office import HERE, Office, build
from two_tier.rows import LANES, ROWS, UNDECIDED, Row
from two_tier.running import Ended, carry_out

RUNS_S = 1200.0
"""All rows of a lane, on a machine that is busy besides."""


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, stands: Stands, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Ended]]]:
    """Start the runs of all tests that were selected, and return what each will have come to."""
    params = [item.callspec.params.get("row") for item in request.session.items if hasattr(item, "callspec")]
    selected = [row for row in ROWS if row in params]
    environment = stands.admin_environment()
    build(environment)
    futures: dict[str, Future[Ended]] = {}
    with ExitStack() as stack:
        for lane in LANES:
            rows = [row for row in selected if row.fault in lane]
            if not rows:
                continue
            office = Office(f"two-tier-{secrets.token_hex(3)}", environment)
            stack.callback(office.close)
            pool = ThreadPoolExecutor(1)
            stack.callback(pool.shutdown, cancel_futures=True)
            opened = pool.submit(office.open)
            for row in rows:
                futures[row.name] = pool.submit(after, opened, office, row, tmp_path_factory.mktemp(row.name))
        yield futures


def after(opened: Future[None], office: Office, row: Row, folder: Path) -> Ended:
    """Carry out a row in an office that is open; raise what kept it from that."""
    opened.result()
    return carry_out(office, row, folder)


def test_every_fault_that_ships_is_tried_and_sabotaged() -> None:
    """A fault without an experiment here, or without a twin that must not pass, is not shown to work anywhere else."""
    tried = {}
    for path in (HERE / "experiments").glob("*.yaml"):
        (entry,) = yaml.safe_load(path.read_text(encoding="utf-8"))["method"]
        tried[path.stem] = "activity" if "provider" in entry else next(iter(entry))
    assert set(tried.values()) == catalogue().keys()
    for sabotaged in (False, True):
        assert {row.fault for row in ROWS if bool(row.sabotage) == sabotaged} == tried.keys()


@pytest.mark.drawn(8)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_as_an_observer_sees_it(row: Row, runs: Mapping[str, Future[Ended]]) -> None:
    """Proven, judged and undone where it acts; where it meets nobody, no pass."""
    run = runs[row.name].result(timeout=RUNS_S)
    assert run.complaints == (), f"{run.complaints}\n{run.printed}"
    assert run.code in row.codes, f"exit {run.code}\n{run.printed}"
    assert row.says in " ".join(run.printed.split()), run.printed
    if run.code == UNDECIDED:
        assert row.right(run.broken, run.printed), f"not for the right reason: {sorted(run.broken)}\n{run.printed}"
