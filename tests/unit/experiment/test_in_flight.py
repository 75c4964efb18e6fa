"""How many requests can be open at once, and whether a machine can carry them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.experiment.arrivals import arrivals
from gameday.experiment.in_flight import Machine, needed
from gameday.experiment.loading.load import load_experiment
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.model import Load
from gameday.experiment.parts import Route
from gameday.faults import catalogue
from unit.experiment.small_files import TOKEN, lay_out

ROOMY = Machine(open_files=math.inf, memory_bytes=math.inf, ports=28232)


def load(**routes: float) -> Load:
    """Return a load of these rates."""
    return Load.model_validate({"routes": {name: f"{rate:g}/s" for name, rate in routes.items()}, "hang": "3s"})


@given(seed=st.integers(0, 1000), rate=st.sampled_from([0.5, 7.0, 80.0, 400.0]))
def test_no_drawn_arrivals_need_more(seed: int, rate: float) -> None:
    """Counted over all windows of ``hang``, as if nothing were ever answered."""
    one = load(one=rate)
    route = Route.model_validate({"request": "GET /", "hard": ["web"]})
    times_s = arrivals("one", route, one, duration_s=20.0, seed=seed).times_s
    most, first = 0, 0
    for last, t_s in enumerate(times_s):
        while times_s[first] < t_s - one.hang_s:
            first += 1
        most = max(most, last - first + 1)
    assert most <= needed(one, ())


def test_it_adds_the_routes_and_shares_among_workers() -> None:
    """Each worker's share needs a margin of its own."""
    assert needed(load(one=600, two=400), ()) == needed(load(one=1000), ()) == 3856
    assert 3856 / 2 < needed(load(one=1000), (), workers=2) < 3856 / 2 + 150


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (Machine(256, math.inf, 28232), "open files are needed and 256 allowed: raise the hard limit (ulimit -Hn"),
        (
            Machine(2000, math.inf, 28232),
            "2556 open files are needed and 2000 allowed",
        ),  # the local proxy holds two each
        (Machine(math.inf, 2**20, 28232), "MiB of memory are needed and 1 MiB free: free some"),
        (Machine(math.inf, math.inf, 100), "local ports are needed and there are 100: widen net.ipv4"),
    ],
)
def test_a_load_that_the_machine_cannot_carry_is_refused(tmp_path: Path, machine: Machine, told: str) -> None:
    """Before anything is started, with what is needed, what there is, and the next step."""
    lay_out(tmp_path / "files")
    path, systems = tmp_path / "files" / "small.yaml", [tmp_path / "files" / "systems"]
    environment = {TOKEN: "long enough"}
    load_experiment(path, catalogue(), systems=systems, environment=environment, machine=ROOMY)
    with pytest.raises(InvalidFileError) as refused:
        load_experiment(path, catalogue(), systems=systems, environment=environment, machine=machine)
    (problem,) = refused.value.problems
    assert problem.key_path == "load.routes"
    assert told in f"{problem.seen}: {problem.valid}"
