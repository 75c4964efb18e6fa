"""
How often the cause that is built into a system is named, and another; ``python -m worlds.causes --seeds 40`` prints the tables.

Each run draws what is broken and how much, and whether gameday was told so: of half of the runs nothing was injected, or
something else without an effect.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from gameday.analysis.case import case
from gameday.analysis.cause import cause
from gameday.analysis.model import Cause
from worlds.bazaar import RATE_PER_S, Bazaar, Broken
from worlds.characteristic import WORLDS
from worlds.runs import World

Draw = Callable[[np.random.Generator], Bazaar]
Show = Callable[[int, str, Cause | None], None]
RATE_OF_VAULT = RATE_PER_S * 1.1
"""Queries per second: each that enters, and some who miss at the shelf."""


def _told(noise: np.random.Generator, fault: str) -> str:
    """Return what gameday says to have injected: what is broken, or nothing."""
    return fault if noise.random() < 0.5 else "none"


def pool(noise: np.random.Generator) -> Bazaar:
    """Fill the pool that all share: by slow answers of the bank, or because slots never come free."""
    slots = int(noise.integers(12, 32))
    if noise.random() < 0.5:
        return Bazaar(Broken(slower={"bank": noise.uniform(50, 120)}), _told(noise, "latency"), slots=slots)
    return Bazaar(Broken(slots=slots - int(noise.integers(0, 2))), "none", slots=slots)


def node(noise: np.random.Generator) -> Bazaar:
    """Slow the whole machine; the fault that was injected elsewhere, if any, had no effect."""
    return Bazaar(Broken(slower={"node": noise.uniform(3, 8)}), _told(noise, "latency"), slots=60, servers=60)


def database(noise: np.random.Generator) -> Bazaar:
    """Let the vault be slow, or fail calls."""
    broken = (
        Broken(slower={"vault": noise.uniform(5, 30)})
        if noise.random() < 0.5
        else Broken(failing={"vault": noise.uniform(0.3, 1.0)})
    )
    return Bazaar(broken, _told(noise, "vault"), split=True, slots=80, servers=80)


def emptied(noise: np.random.Generator) -> Bazaar:
    """Empty the shelf, or let it fail calls: the vault gets the load, and may become slow."""
    broken = Broken(emptied=True) if noise.random() < 0.5 else Broken(failing={"shelf": noise.uniform(0.5, 1.0)})
    servers = int(noise.integers(16, 40))
    return Bazaar(broken, _told(noise, "empty-cache"), servers=servers, query_s=noise.uniform(0.12, 0.2), slots=200)


def generator(noise: np.random.Generator) -> Bazaar:
    """Let the generator send late."""
    return Bazaar(Broken(lag_s=noise.uniform(0.06, 0.6)), _told(noise, "latency"))


def callee(noise: np.random.Generator) -> Bazaar:
    """Let the bank be slow, or fail calls; nobody shares its pool."""
    broken = (
        Broken(slower={"bank": noise.uniform(4, 60)})
        if noise.random() < 0.5
        else Broken(failing={"bank": noise.uniform(0.2, 1.0)})
    )
    return Bazaar(broken, _told(noise, "latency"), split=True, slots=int(noise.integers(20, 80)))


def storm(noise: np.random.Generator) -> Bazaar:
    """Let the gate try again what the vault answers late, until that is all that the vault does."""
    query_s = noise.uniform(0.05, 0.1)
    servers = int(np.ceil(RATE_OF_VAULT * query_s / noise.uniform(0.6, 0.8)))
    broken = Broken(slower={"vault": noise.uniform(6, 12)})
    return Bazaar(broken, "vault", split=True, slots=4000, servers=servers, query_s=query_s, tries=3, patience_s=0.6)


CAUSES: Mapping[str, Draw] = {
    "pool": pool,
    "node": node,
    "database": database,
    "cache": emptied,
    "generator": generator,
    "callee": callee,
    "retry storm": storm,
}


def named(truth: str, seed: int) -> Cause | None:
    """Return what is said of one run of a cause."""
    drawn = CAUSES[truth](np.random.default_rng([seed, *truth.encode()]))
    return cause(case(drawn.run(seed)))


def nothing(seed: int) -> Iterator[tuple[str, Cause | None]]:
    """Yield what is said of runs in which nothing happened: of the bazaar, and of each restless world."""
    yield "bazaar", cause(case(Bazaar().run(seed)))
    for name, layers in WORLDS.items():
        world = World({"login": layers}, fault=("none", "latency")[seed % 2])
        yield name, cause(case(world.run(seed)))


def of_causes(seeds: Sequence[int], chosen: Sequence[str], show: Show) -> Iterator[str]:
    """Yield the lines of the table of causes: shares of the seeds in percent."""
    yield "| truth | right | unknown | nobody affected | wrong |\n|---|---|---|---|---|"
    for truth in chosen:
        found = Counter[str | None]()
        for seed in seeds:
            said = named(truth, seed)
            name = said.name if said else None
            found[name] += 1
            if name != truth:
                show(seed, truth, said)
        wrong = len(seeds) - sum(found[name] for name in (truth, "unknown", None))
        shares = (100 * n / len(seeds) for n in (found[truth], found["unknown"], found[None], wrong))
        yield f"| {truth} | {' | '.join(f'{share:.1f}' for share in shares)} |"


def of_nothing(seeds: Sequence[int], show: Show) -> Iterator[str]:
    """Yield the lines of the other table: how often a change is seen, and a cause named, where nothing happens."""
    yield "| nothing happens in | a chain | a named cause |\n|---|---|---|"
    chains, causes = Counter[str](), Counter[str]()
    for seed in seeds:
        for name, said in nothing(seed):
            chains[name] += bool(said and said.chain)
            causes[name] += bool(said and said.name not in {None, "unknown"})
            if said and said.chain:
                show(seed, name, said)
    for name in ("bazaar", *WORLDS):
        yield f"| {name} | {100 * chains[name] / len(seeds):.1f} | {100 * causes[name] / len(seeds):.1f} |"


def shown(seed: int, truth: str, said: Cause | None) -> None:
    """Print what was said of one run, for whoever looks for the reason."""
    chain = [(onset.text, round(onset.at_s, 2), round(onset.alarm_s, 2)) for onset in said.chain] if said else []
    print(seed, truth, said and (said.name, said.subject, said.reason), chain, file=sys.stderr)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40, help="how many runs of each line (default: 40)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument("--only", choices=[*CAUSES, "nothing"], help="one cause, or where nothing happens")
    parser.add_argument("--show", action="store_true", help="print what was said of the runs that were not right")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    show: Show = shown if given.show else lambda *_: None
    for line in of_causes(seeds, [name for name in CAUSES if given.only in {None, name}], show):
        print(line, flush=True)
    if given.only in {None, "nothing"}:
        print("", *of_nothing(seeds, show), sep="\n")


if __name__ == "__main__":
    main()
