"""The layers do what they say, by closed forms: a long run of each has the moments that theory gives it."""

from __future__ import annotations

import numpy as np
import pytest

from gameday.record.requests import Outcome
from worlds.layers import Answers, Layer, bursting, lognormal, pareto, pausing, queue, wandering

RATE_PER_S, N = 60.0, 200_000


def answered(layer: Layer, seed: int, *, first_s: float = 0.0) -> Answers:
    """Return many Poisson arrivals that take ``first_s`` before the layer sees them."""
    noise = np.random.default_rng(seed)
    at_s = np.cumsum(noise.exponential(1 / RATE_PER_S, N))
    answers = Answers(at_s, RATE_PER_S, np.full(N, first_s), np.zeros(N), np.zeros(N, np.uint8))
    layer(noise, answers)
    return answers


def erlang_c(servers: int, offered: float) -> float:
    """Return the chance to wait in M/M/c."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


@pytest.mark.parametrize("load", [0.3, 0.8, 0.9])
def test_a_queue_waits_as_erlang_says(load: float, revision_seed: int) -> None:
    """The mean time is a service and what Erlang's C makes of the rest."""
    service_s = load * 4 / RATE_PER_S
    truth_s = service_s + erlang_c(4, load * 4) / (4 / service_s - RATE_PER_S)
    measured_s = answered(queue(4, load), revision_seed).time_s.mean()
    assert measured_s == pytest.approx(truth_s, rel=0.15 if load == 0.9 else 0.05)


@pytest.mark.parametrize(
    ("layer", "p95_s"), [(lognormal(0.035, 0.47), 0.0758), (pareto(0.014, 1.8), 0.0739)], ids=["lognormal", "pareto"]
)
def test_independent_times_have_their_quantile(layer: Layer, p95_s: float, revision_seed: int) -> None:
    """To two in a hundred, of two hundred thousand."""
    assert np.quantile(answered(layer, revision_seed).time_s, 0.95) == pytest.approx(p95_s, rel=0.02)


def test_noise_wanders_as_far_and_as_fast_as_it_says(revision_seed: int) -> None:
    """Its standard deviation is 0.3, and of its deviation nine tenths are left after a second."""
    answers = answered(wandering(0.3), revision_seed, first_s=1.0)
    each_second = np.log(answers.time_s[np.searchsorted(answers.at_s, np.arange(0.5, answers.at_s[-1], 1.0))])
    assert each_second.std() == pytest.approx(0.3, rel=0.2)
    assert np.corrcoef(each_second[1:], each_second[:-1])[0, 1] == pytest.approx(0.9, abs=0.04)


def test_errors_come_in_bursts(revision_seed: int) -> None:
    """Two in a hundred are bad, twenty in a row on average."""
    bad = answered(bursting(0.02, 20), revision_seed).outcome == Outcome.ERROR
    begun = np.count_nonzero(bad[1:] & ~bad[:-1])
    assert bad.mean() == pytest.approx(0.02, rel=0.4)
    assert bad.sum() / begun == pytest.approx(20, rel=0.4)


def test_pauses_hold_their_share(revision_seed: int) -> None:
    """Half a second in eight: who waits, waits a quarter of a second on average."""
    time_s = answered(pausing(0.5, 8.0), revision_seed).time_s
    assert (time_s > 0).mean() == pytest.approx(1 / 16, rel=0.05)
    assert time_s[time_s > 0].mean() == pytest.approx(0.25, rel=0.05)
