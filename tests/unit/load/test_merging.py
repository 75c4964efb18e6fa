"""Several workers' ticks and ends are one load's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.load.crew import Member, Pulled, dump_members, read_members, read_pulled
from gameday.load.merging import merged_done, merged_tick
from gameday.load.wire import Fatal, LoadDone, LoadTick, Ready, RouteDone, RouteTick


def tick(t_s: float, *, good: int, p95_s: float | None, cpu_share: float = 0.1) -> LoadTick:
    """Return a worker's tick of one route."""
    route = RouteTick("one", good + 1, good, degraded=0, rejected=0, bad=0, hung=1, p95_s=p95_s)
    return LoadTick(t_s, 100 + t_s, (route,), in_flight=2, cpu_share=cpu_share)


def done(rows: int, *, stopped: bool = False, ended_s: float = 9.0) -> LoadDone:
    """Return a worker's end."""
    return LoadDone((RouteDone("one", rows, rows, 1),), 0.2, ended_s, stopped=stopped)


def test_counts_add_up_and_the_worst_quantile_is_shown() -> None:
    """Quantiles of different workers cannot be averaged."""
    found = merged_tick([tick(1.0, good=10, p95_s=0.2), tick(1.5, good=12, p95_s=0.4, cpu_share=0.3), None])
    assert found
    (route,) = found.routes
    assert (route.offered, route.good, route.hung, route.p95_s) == (24, 22, 2, 0.4)
    assert (found.t_s, found.in_flight, found.cpu_share) == (1.0, 4, 0.3)


def test_without_a_tick_there_is_none() -> None:
    """Nothing has begun."""
    assert merged_tick([None, None]) is None


def test_the_load_is_over_when_every_worker_is() -> None:
    """What one of them did not finish is not finished."""
    assert merged_done([done(5), None]) is None
    assert merged_done([done(5), tick(1.0, good=1, p95_s=None)]) is None
    found = merged_done([done(5), done(6, stopped=True, ended_s=4.0)])
    assert found
    assert (found.rows, found.stopped, found.ended_s) == ({"one": 11}, True, 4.0)


def test_what_workers_ran_short_of_adds_up() -> None:
    """None of it is lost, whoever it happened to."""
    first, second = (replace(done(5), shortages=counts) for counts in ({"files": 2}, {"files": 1, "memory": 1}))
    found = merged_done([first, second, done(1)])
    assert found
    assert found.data()["shortages"] == {"files": 3, "memory": 1}


def test_what_is_pulled_comes_back_as_it_was() -> None:
    """Events, rows of any bytes, and how much there is."""
    pulled = Pulled((Ready(7), Fatal("no\nwonder"), None), (b"\n{}", b"", b"\x00" * 40), (3, 0, 80))
    assert read_pulled(pulled.to_bytes()) == pulled


def test_an_answer_that_is_torn_is_refused() -> None:
    """Rows would be lost without a word."""
    data = Pulled((None,), (b"12345",), (5,)).to_bytes()
    with pytest.raises(ValueError, match="4 bytes of rows where 5 were announced"):
        read_pulled(data[:-1])


def test_members_come_back_as_they_were() -> None:
    """Their names are those of their pods."""
    members = (Member(0, "load-0", "boot"), Member(2, "load-2", "other"))
    assert read_members(dump_members(members)) == members
