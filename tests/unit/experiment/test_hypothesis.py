"""Probes of Chaos Toolkit stand behind those of routes, and are kept apart from them."""

from __future__ import annotations

import pytest

from gameday.experiment.loading.hypothesis import HYPOTHESIS, set_apart
from gameday.experiment.loading.plain import Plain

ROUTE: Plain = {"route": "buy", "good": "> 97%"}
OTHER: Plain = {"type": "probe", "name": "quiet", "tolerance": 0, "provider": {"type": "process", "path": "true"}}


def hypothesis(*probes: Plain) -> dict[str, Plain]:
    """Return an experiment's value with these probes."""
    return {"title": "t", HYPOTHESIS: {"title": "h", "probes": list(probes)}}


def test_they_are_moved_and_the_input_stays() -> None:
    """Routes' probes keep their places, so that their lines stay right."""
    value = hypothesis(ROUTE, OTHER)
    apart, flaws = set_apart(value)
    assert apart[HYPOTHESIS] == {"title": "h", "probes": [ROUTE], "others": [OTHER]}
    assert flaws == ()
    assert value == hypothesis(ROUTE, OTHER)


@pytest.mark.parametrize(
    ("probes", "told"),
    [
        ((OTHER, ROUTE), "a route's probe stands behind one of Chaos Toolkit"),
        ((ROUTE, {"type": "probe", "name": "x", "provider": {}}), "the probe has no tolerance"),
        ((ROUTE, {"provider": {}, "tolerance": 1}), "the probe has no name"),
    ],
    ids=["order", "no tolerance", "no name"],
)
def test_what_is_wrong_is_told_at_its_place(probes: tuple[Plain, ...], told: str) -> None:
    """The path is that of the file."""
    _, flaws = set_apart(hypothesis(*probes))
    assert [(flaw.path, flaw.message) for flaw in flaws] == [((HYPOTHESIS, "probes", 1), told)]


@pytest.mark.parametrize("value", [{}, {HYPOTHESIS: 7}, {HYPOTHESIS: {"probes": "x"}}, hypothesis(ROUTE)], ids=repr)
def test_anything_else_is_left_as_it_is(value: dict[str, Plain]) -> None:
    """The model says what is wrong with it."""
    assert set_apart(value) == (value, ())
