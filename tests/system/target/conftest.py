"""One shop for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from system.target.running import Shop, running


@pytest.fixture(scope="module")
def shop_that_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run a shop for a file of tests."""
    with running(tmp_path_factory.mktemp("logs")) as shop:
        yield shop


@pytest.fixture
def hardened(shop_that_runs: Shop) -> Shop:
    """Return it afresh, with every mechanism on."""
    shop_that_runs.begin("hardened")
    return shop_that_runs


@pytest.fixture
def naive(shop_that_runs: Shop) -> Shop:
    """Return it afresh, with every mechanism off."""
    shop_that_runs.begin("naive")
    return shop_that_runs
