"""Toggles, traces, settings and the ways to dependencies."""

from __future__ import annotations

from collections import Counter

import pytest

from gameday.demo.links import Way
from gameday.demo.schema import statements
from gameday.demo.settings import Link, Settings, read_settings
from gameday.demo.toggles import ToggleError, Toggles
from gameday.demo.topology import SHOP
from gameday.demo.trace import span
from samples import shop


def test_toggles_are_named_as_the_system_file_names_them() -> None:
    """Both variants that ship switch every mechanism, and no other."""
    for variant in shop().variants.values():
        assert set(variant) == set(Toggles().to_json())
        assert Toggles().changed(variant).to_json() == variant


def test_every_wrong_toggle_is_told_at_once() -> None:
    """With the nearest name, or the valid values."""
    with pytest.raises(ToggleError) as raised:
        Toggles().changed({"braker": True, "deadlines": "on", "zzz": False})
    problems = raised.value.problems
    assert problems[0] == "braker: unknown; did you mean breaker?"
    assert problems[1] == "deadlines: 'on'; valid: true, false"
    assert problems[2].startswith("zzz: unknown; valid: pool-per-dependency")


def test_a_span_belongs_to_the_callers_trace() -> None:
    """The trace and its flags stay, the span is new."""
    found = span("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
    assert found.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert found.span_id != "00f067aa0ba902b7"
    assert found.header() == f"00-{found.trace_id}-{found.span_id}-00"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    ],
)
def test_an_invalid_header_begins_a_new_trace(header: str | None) -> None:
    """Nobody's trace is continued by mistake."""
    first, second = span(header), span(header)
    assert first.trace_id not in {second.trace_id, "0" * 32, "4bf92f3577b34da6a3ce929d0e0e4736"}


def test_settings_survive_the_environment() -> None:
    """What is written is what is read."""
    settings = Settings("web", 8080, {"cache": Link(1, 2, 0.5)}, 0.25, {"breaker": False})
    assert read_settings(settings.to_environment()) == settings


@pytest.mark.parametrize(("bypass", "direct"), [(0.0, 0), (0.25, 25), (0.5, 50), (1.0, 100)])
def test_a_way_bypasses_its_share_of_the_connections(bypass: float, direct: int) -> None:
    """The share is exact, not a matter of luck."""
    way = Way(Link(port=1, direct_port=2, bypass=bypass))
    assert Counter(way.next_port() for _ in range(100))[2] == direct


def test_the_shop_is_what_its_system_file_says() -> None:
    """The same services, kinds and edges."""
    system = shop()
    assert {name: service.kind for name, service in system.services.items()} == {
        process.name: process.kind for process in SHOP.processes
    }
    entries = {f"load -> {entry}" for entry in system.entries()}
    assert {str(edge) for edge in SHOP.edges} == {*map(str, system.dependencies), *entries}


def test_no_table_refers_to_products() -> None:
    """A scan of the product table is a query for a product, and nothing else."""
    assert not [statement for statement in statements("secret") if "REFERENCES" in statement.upper()]
