"""What the session and the load process say to each other arrives as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.load import wire
from gameday.load.wire import (
    Begin,
    Closed,
    Event,
    Fatal,
    LoadDone,
    LoadTick,
    Ready,
    RouteDone,
    RouteSpec,
    RouteTick,
    Spec,
    Stop,
)

SPEC = Spec(
    folder="/run",
    worker=0,
    seed=7,
    hang_s=3.0,
    max_in_flight=10,
    routes=(
        RouteSpec("one", "GET", "/one/{id}", "127.0.0.1", 80, 1.0, headers=(("X", "ä"),), body=None),
        RouteSpec("two", "POST", "/two", "127.0.0.1", 80, 0.5, body='{"a": 1}'),
    ),
)


def test_a_spec_arrives_as_it_was_in_one_line() -> None:
    """Routes, headers and bodies included."""
    line = wire.dump_command(SPEC)
    assert line.count(b"\n") == 1
    assert wire.load_spec(line) == SPEC


def test_a_locustfile_s_part_arrives_as_it_was() -> None:
    """Tags, hosts and names included."""
    closed = Closed(
        locustfile="/load/shop.py",
        users=None,
        spawn_rate_per_s=2.5,
        tags=("browse", "buy"),
        exclude_tags=(),
        duration_s=56.0,
        host="http://127.0.0.1:8000",
        hosts={"Monitor": "http://127.0.0.1:8001"},
        names={"ein Produkt, schön": "one"},
        judged_from_s=6.0,
    )
    spec = replace(SPEC, closed=closed)
    assert wire.load_spec(wire.dump_command(spec)) == spec


@pytest.mark.parametrize("command", [Begin(12.5), Stop()])
def test_commands_arrive_as_they_were(command: Begin | Stop) -> None:
    """Each kind comes back as itself."""
    assert wire.load_command(wire.dump_command(command)) == command


@pytest.mark.parametrize(
    "event",
    [
        Ready(4),
        LoadTick(1.0, 2.0, (RouteTick("one", 5, 3, 1, 1, 0, 0, None), RouteTick("two", 1, 1, 0, 0, 0, 0, 0.2)), 1, 0.1),
        LoadDone((RouteDone("one", 5, 5, 1),), 0.2, 9.9, stopped=True),
        Fatal("OSError: no space"),
    ],
)
def test_events_arrive_as_they_were(event: Event) -> None:
    """Each kind comes back as itself."""
    assert wire.load_event(wire.dump_event(event)) == event


def test_anything_else_is_refused() -> None:
    """A word that neither side knows is an error, not a default."""
    with pytest.raises(ValueError, match="Spec"):
        wire.load_spec(wire.dump_command(Stop()))
    with pytest.raises(ValueError, match="Begin or Stop"):
        wire.load_command(wire.dump_command(SPEC))
    with pytest.raises(ValueError, match="Fatal"):
        wire.load_event(b'{"ev": "Hello"}')


def test_a_tick_of_a_hundred_routes_fits_into_a_message() -> None:
    """The socket keeps messages whole only up to a size."""
    routes = tuple(RouteTick(f"a-long-route-name-{i}", 10**9, 10**9, 0, 0, 0, 0, 0.123456789012345) for i in range(100))
    assert len(wire.dump_event(LoadTick(1.0, 2.0, routes, 5, 0.5))) < wire.MESSAGE_SIZE_BYTES / 8


def test_secrets_in_headers_and_bodies_are_not_printed() -> None:
    """A spec may stand in a traceback."""
    route = RouteSpec("one", "GET", "/", "h", 80, 1.0, headers=(("Authorization", "s3cr3t"),), body="s3cr3t")
    assert "s3cr3t" not in repr(route)
