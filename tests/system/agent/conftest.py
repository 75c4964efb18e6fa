"""A pod for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from system.agent.pods import Pod, new_pod


@pytest.fixture
def pod() -> Iterator[Pod]:
    """Return a pod in which an agent runs."""
    with new_pod() as found:
        found.start()
        yield found
