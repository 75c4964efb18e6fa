"""Seeds for the simulated runs."""

from __future__ import annotations

import hashlib
from typing import Protocol

import pytest


class Seeds(Protocol):
    """Gives the seeds of a claim."""

    def __call__(self, claim: str, *, cost: int = 1) -> tuple[int, ...]:
        """Return ``--seeds`` of them, or one of ``cost`` where a run is long; at least two."""
        ...


@pytest.fixture(scope="session")
def seeds(pytestconfig: pytest.Config) -> Seeds:
    """Return what gives a claim's seeds, different for each claim."""
    text, count = pytestconfig.option.seeds_from, pytestconfig.option.seeds

    def of(claim: str, *, cost: int = 1) -> tuple[int, ...]:
        wanted = range(max(2, count // cost))
        digests = (hashlib.sha256(f"{text}/{claim}/{index}".encode()).digest() for index in wanted)
        return tuple(int.from_bytes(digest[:4]) for digest in digests)

    return of
