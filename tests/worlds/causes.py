"""
How often the cause that is built into a system is named, and another; ``python -m worlds.causes --seeds 40`` prints the table.

Each run draws what is broken and how much, and whether gameday was told so: of half of the runs nothing was injected, or
something else without an effect.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from gameday.analysis.case import case
from gameday.analysis.cause import cause
from gameday.analysis.model import Cause
from worlds.bazaar import Bazaar, Broken
from worlds.characteristic import WORLDS
from worlds.runs import World

Draw = Callable[[np.random.Generator], Bazaar]


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
    servers = int(np.ceil(RATE_OF_VAULT * query_s * 1.1 / noise.uniform(0.6, 0.8)))
    broken = Broken(slower={"vault": noise.uniform(6, 12)})
    return Bazaar(broken, "vault", split=True, slots=4000, servers=servers, query_s=query_s, tries=3, patience_s=0.6)


RATE_OF_VAULT = 60.0
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


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    print("| truth | right | unknown | nobody affected | wrong |\n|---|---|---|---|---|")
    for truth in CAUSES:
        if given.only and given.only != truth:
            continue
        found = Counter[str]()
        for seed in seeds:
            said = named(truth, seed)
            name = str(said and said.name)
            found[name] += 1
            if given.show and name != truth and said:
                print(seed, name, said.subject, said.reason, [(o.text, round(o.at_s, 2)) for o in said.chain][:9])
        wrong = {name: n for name, n in found.items() if name not in {truth, "unknown", "None"}}
        shares = (100 * n / len(seeds) for n in (found[truth], found["unknown"], found["None"], sum(wrong.values())))
        print(f"| {truth} | " + " | ".join(f"{share:.1f}" for share in shares) + f" | {wrong or ''}", flush=True)
    if given.only and given.only != "nothing":
        return
    print("\n| nothing happens in | a chain | a cause |\n|---|---|---|")
    chains, caused, of = Counter[str](), Counter[str](), Counter[str]()
    for seed in seeds:
        for name, said in nothing(seed):
            of[name] += 1
            chains[name] += bool(said and said.chain)
            caused[name] += bool(said and said.name)
            if given.show and said and said.chain:
                print(
                    seed,
                    name,
                    said.name,
                    said.reason,
                    [(o.text, round(o.at_s, 2), round(o.alarm_s, 2)) for o in said.chain][:9],
                )
    for name in of:
        print(f"| {name} | {100 * chains[name] / of[name]:.1f} | {100 * caused[name] / of[name]:.1f} |")


if __name__ == "__main__":
    main()
