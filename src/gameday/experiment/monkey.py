"""
Draw when the chaos monkey comes, and write that as an experiment: pure, the same for the same seed.

The monkey is a run like any other: its visits are faults of one method, so that supervisor, analysis and report need to know nothing of it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from gameday.experiment.draft import RATE_PER_S, probe
from gameday.experiment.model import System
from gameday.experiment.samples import BIN_S, needed
from gameday.experiment.writing import per_second, seconds, share

SEEN_S = 5.0
"""How long a visit is looked at: a kubelet that may not end a pod at once takes three seconds, the runner looks once a second, and the rest is for a busy machine."""
APART_S = 7.1
"""The least time between two visits: the first is seen, and 2 s later the next may act in the same place (``checks.method``); rounding included."""
WARMUP_S, BASELINE_S, RECOVERY_S = 4.0, 12.0, 13.0
"""What is left without visits before and after them; at 60 requests a second enough for every probe of the draft."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What is asked of the monkey.

    Attributes:
        services: From whom it draws.
        singles: It may take the only replica of a service.
        for_s: How long it comes; ``every_s`` how often, on average.
        blast_radius: The share of a service's replicas that may be away at a time, at least one.
        held: The share of time in which the steady state must hold meanwhile.
        load_per_s: Route -> requests a second; empty: every route, at the draft's rate.
    """

    services: tuple[str, ...]
    singles: bool
    for_s: float
    every_s: float
    blast_radius: float
    held: float
    seed: int
    load_per_s: Mapping[str, float]


def visits(*, for_s: float, every_s: float, seed: int) -> tuple[float, ...]:
    """
    Draw the moments in ``[0, for_s)``, in tenths of a second: exponential gaps with the mean ``every_s``, none shorter than ``APART_S``.

    At least one, if the time is long enough for it to be seen.
    """
    source = random.Random(seed)  # noqa: S311 - not for secrets
    last_s = for_s - SEEN_S
    drawn: list[float] = []
    t_s = source.expovariate(1 / every_s)
    while t_s <= last_s:
        drawn.append(math.floor(t_s * 10) / 10)
        t_s = drawn[-1] + APART_S + source.expovariate(1 / max(1e-3, every_s - APART_S))
    return tuple(drawn) or (math.floor(source.uniform(0, max(0.0, last_s)) * 10) / 10,)


def least_s(held: float) -> float:
    """Return how long the monkey must come so that a share of the time can be shown at all: in bins, all of which hold."""
    return (needed(1 - held) or 1) * BIN_S


def write(system: System, wanted: Wanted) -> str:
    """Write the experiment."""
    load = dict(wanted.load_per_s) or dict.fromkeys(system.routes, RATE_PER_S)
    users = [name for name in load if not system.routes[name].control]
    given = ", ".join(
        (
            f"services: [{', '.join(wanted.services)}]",
            f"blast-radius: {share(wanted.blast_radius)}",
            *(["singles: true"] * wanted.singles),
        )
    )
    lengths = (("warmup", WARMUP_S), ("baseline", BASELINE_S), ("fault", wanted.for_s), ("recovery", RECOVERY_S))
    phases = ", ".join(f"{name}: {seconds(length_s)}" for name, length_s in lengths)
    lines = (
        f"title: Does {system.name} bear the loss of any replica at any time?",
        f"description: The chaos monkey kills random replicas for {seconds(wanted.for_s)}, every {seconds(wanted.every_s)} on average. Made by gameday monkey.",
        "tags: [monkey]",
        f"system: {system.name}",
        "decides: continuity.held",
        "",
        "load:",
        f"  routes: {{{', '.join(f'{name}: {per_second(rate)}' for name, rate in load.items())}}}",
        "",
        f"phases: {{{phases}}}",
        "",
        "steady-state-hypothesis:",
        "  title: Users are served",
        "  probes:",
        *(probe(system, name) for name in users),
        "",
        "method:",
        *(
            f"  - monkey: {{{given}, seed: {_nth(wanted.seed, number)}}}\n    at: {seconds(at_s)}"
            for number, at_s in enumerate(visits(for_s=wanted.for_s, every_s=wanted.every_s, seed=wanted.seed))
        ),
        "",
        "expect:",
        f'  continuity: {{held: "> {share(wanted.held)}"}}',
        "  recovery: {within: 10s}",
        "",
        "safety:",
        f'  abort: {{route: {users[0]}, burn-rate: "> 10"}}',
    )
    return "\n".join(lines) + "\n"


def _nth(seed: int, number: int) -> int:
    """Give each visit a seed of its own, so that two visits to the same replicas need not take the same one."""
    return random.Random(f"{seed}/{number}").randrange(10**6)  # noqa: S311 - not for secrets
