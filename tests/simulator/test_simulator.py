"""The simulator agrees with queueing theory; only then is it a judge of the analysis."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from simulator.closed_forms import erlang_b, erlang_c, mm1_quantile_s, mmck_loss
from simulator.engine import Engine, Job, Station

SAMPLE = 40_000


def simulate(
    rate_per_s: float, mean_s: float, servers: int, places: int | None, n: int = SAMPLE
) -> tuple[np.ndarray, int]:
    """Return the times in the system of those served, and how many were refused."""
    noise = np.random.default_rng(7)
    engine, took, refused = Engine(), [], 0
    station = Station(engine, servers, places)

    def arrive(t_s: float) -> None:
        nonlocal refused
        job = Job(t_s, lambda: float(noise.exponential(mean_s)), lambda: took.append(engine.now_s - t_s))
        refused += not station.offer(job)

    for t_s in np.cumsum(noise.exponential(1 / rate_per_s, n)):
        engine.at(float(t_s), partial(arrive, float(t_s)))
    engine.run(math.inf)
    return np.array(took), refused


@pytest.mark.parametrize(("servers", "offered", "loss"), [(5, 3, 0.11005), (10, 10, 0.21458), (20, 40.4, 0.52571)])
def test_a_pool_that_refuses_loses_what_erlang_b_says(servers: int, offered: float, loss: float) -> None:
    """Known values of Erlang B come out of the formula and of the simulation."""
    assert erlang_b(servers, offered) == pytest.approx(loss, abs=1e-5)
    _, refused = simulate(offered / 0.05, 0.05, servers, servers)
    assert refused / SAMPLE == pytest.approx(loss, abs=0.015)


@pytest.mark.parametrize(("servers", "offered", "waits"), [(2, 1, 0.33333), (8, 6.4, 0.45764), (10, 8, 0.40918)])
def test_a_queue_makes_wait_whom_erlang_c_says(servers: int, offered: float, waits: float) -> None:
    """The mean time in the system is the service and the share of Erlang C that waits 1/(c mu - lambda)."""
    assert erlang_c(servers, offered) == pytest.approx(waits, abs=1e-5)
    took, _ = simulate(offered / 0.05, 0.05, servers, None)
    expected_s = 0.05 + waits / (servers / 0.05 - offered / 0.05)
    assert float(took.mean()) == pytest.approx(expected_s, rel=0.08)


def test_one_server_gives_the_known_quantiles() -> None:
    """M/M/1 at 50/s of 100/s: 13.86, 59.91 and 92.10 ms."""
    took, _ = simulate(50, 0.01, 1, None)
    for q, known_s in ((0.5, 0.01386), (0.95, 0.05991), (0.99, 0.09210)):
        assert mm1_quantile_s(50, 100, q) == pytest.approx(known_s, abs=1e-5)
        assert float(np.quantile(took, q)) == pytest.approx(known_s, rel=0.1)


@pytest.mark.parametrize(("rate_per_s", "loss"), [(160, 0.08167), (320, 0.50016), (1600, 0.90000)])
def test_a_bounded_queue_refuses_what_the_product_form_says(rate_per_s: float, loss: float) -> None:
    """M/M/8/16 with 160/s of capacity."""
    assert mmck_loss(rate_per_s, 20, 8, 16) == pytest.approx(loss, abs=1e-5)
    _, refused = simulate(rate_per_s, 0.05, 8, 16)
    assert refused / SAMPLE == pytest.approx(loss, abs=0.015)
