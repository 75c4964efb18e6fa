"""Exit codes are a promise to scripts."""

from __future__ import annotations

import pytest

from gameday.cli.exits import Exit, gravest


def test_the_codes_are_those_of_the_manual() -> None:
    """Scripts compare with the numbers."""
    assert {each.name: each.value for each in Exit} == {
        "PASSED": 0,
        "FAILED": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "RESIDUE": 4,
        "REFUSED": 5,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("held", "counts"),
    [
        ((), 0),
        ((0, 3), 3),
        ((3, 1), 1),
        ((1, 130), 130),
        ((130, 4), 4),
        ((4, 70), 70),
        ((0, 1, 3, 4, 70, 130), 70),
    ],
)
def test_the_gravest_counts_where_several_hold(held: tuple[int, ...], counts: int) -> None:
    """70, then 4, 130, 1, 3."""
    assert gravest(map(Exit, held)) == counts
