"""
Draw every arrival of a run before it starts, from its seed alone.

The plan, the load process and the analysis each call ``arrivals`` and get the same times and keys, so a key never has to be
stored beside a request. ``random.Random.random`` is the only source: its sequence is fixed by Python's documentation.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gameday.experiment.model import Load
from gameday.experiment.parts import Route


@dataclass(frozen=True, slots=True)
class Arrivals:
    """
    The arrivals of one route.

    Attributes:
        route: The route's name.
        times_s: Scheduled starts, ascending, in ``[0, duration_s)`` of the load's clock.
        keys: One key per arrival (1-based; keys above the route's ``count`` are cold: nobody asked for them before); empty
            when the route has no keys.
    """

    route: str
    times_s: tuple[float, ...]
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Surge:
    """Requests that come on top of a route's rate in ``[start_s, end_s)`` of the load's clock."""

    start_s: float
    end_s: float
    rate_per_s: float


def arrivals(
    name: str, route: Route, load: Load, *, duration_s: float, seed: int, surges: Sequence[Surge] = ()
) -> Arrivals:
    """
    Draw the arrivals of one route.

    Args:
        name: The route; with the seed it fixes the sequence, whatever other routes there are.
        route: Its keys and their cold share.
        load: Its rate (none when it is not loaded) and the arrival process: Poisson (exponential gaps), or constant gaps with a
            random first one.
        duration_s: How long arrivals go on.
        seed: The run's seed.
        surges: What comes on top; the arrivals of the rate are the same with and without.
    """
    source = _source(f"{seed}/{name}")
    drawn = [
        (t_s, key)
        for number, surge in enumerate(surges)
        for t_s, key in _surge(f"{seed}/{name}/{number}", route, load, surge)
    ]
    if name in load.routes:
        times = _times(load, load.routes[name], duration_s, source)
        if not drawn:
            return Arrivals(name, tuple(times), tuple(_keys(route, len(times), source)))
        drawn += zip(times, _keys(route, len(times), source) or [0] * len(times), strict=True)
    drawn.sort(key=lambda each: each[0])
    return Arrivals(name, tuple(t_s for t_s, _ in drawn), tuple(key for _, key in drawn) if route.keys else ())


def _source(words: str) -> random.Random:
    return random.Random(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8]))  # noqa: S311 - not for secrets


def _surge(words: str, route: Route, load: Load, surge: Surge) -> list[tuple[float, int]]:
    source = _source(words)
    times = _times(load, surge.rate_per_s, surge.end_s - surge.start_s, source)
    keys = _keys(route, len(times), source) or [0] * len(times)
    return [(surge.start_s + t_s, key) for t_s, key in zip(times, keys, strict=True)]


def _times(load: Load, rate_per_s: float, duration_s: float, source: random.Random) -> list[float]:
    gap_s, drawn, log = 1 / rate_per_s, source.random, math.log
    gaps: Iterable[float]
    if load.arrivals == "constant":
        gaps = itertools.chain([drawn() * gap_s], itertools.repeat(gap_s))
    else:
        gaps = (-gap_s * log(1 - drawn()) for _ in itertools.repeat(None))
    return list(itertools.takewhile(lambda t_s: t_s < duration_s, itertools.accumulate(gaps)))


def _keys(route: Route, n: int, source: random.Random) -> list[int]:
    if route.keys is None:
        return []
    weights = [1 / rank**route.keys.exponent for rank in range(1, route.keys.count + 1)]
    cumulative = list(itertools.accumulate(weights))
    fresh = itertools.count(route.keys.count + 1)
    return [
        next(fresh)
        if source.random() < route.cold
        else bisect.bisect(cumulative, source.random() * cumulative[-1], hi=len(cumulative) - 1) + 1
        for _ in range(n)
    ]
