"""Which replicas a service's proxy leads to: those that are ready, as a kubelet's probes and an endpoint controller would have it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PROBE_S = 1.0
"""How long after an answer a ready replica is asked again; one that is not ready, ``STARTING_S`` after it."""
STARTING_S = 0.2
MISSES = 2
"""So many probes in a row without an answer make a replica unready; the end of its process does at once."""


class Replicas:
    """
    The replicas of one service.

    Args:
        instances: Their names, the first of which serves alone while the service is not spread.
        probe: Asks one, within about a second, whether it can do its work.
        lead_to: Tells the proxy where new connections go.
        told: Is told, by name, of a serving replica that becomes ready (True) and of one that no longer is.

    Attributes:
        spread: Whether all of them serve; else the first one does, whatever its state.
    """

    def __init__(
        self,
        instances: tuple[str, ...],
        probe: Callable[[str], Awaitable[bool]],
        lead_to: Callable[[tuple[str, ...]], Awaitable[None]],
        told: Callable[[str, bool], None] = lambda _name, _joined: None,
    ) -> None:
        """Take all of them for ready: the service is watched once it has started."""
        self.spread = True
        self._instances = instances
        self._probe = probe
        self._lead_to = lead_to
        self._misses = dict.fromkeys(instances, 0)
        self._told: tuple[str, ...] = ()
        self._say, self._present = told, frozenset[str]()
        self._changed = asyncio.Event()

    @property
    def serving(self) -> tuple[str, ...]:
        """Return those that belong to the service, ready or not."""
        return self._instances if self.spread else self._instances[:1]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Return where connections go: to those that are ready, to all of them when none is."""
        return tuple(name for name in self.serving if self._misses[name] < MISSES) or self.serving

    def ended(self, instance: str) -> None:
        """Take a replica whose process has ended out at once."""
        self._misses[instance] = MISSES
        self._changed.set()

    async def spread_over(self, *, all_of_them: bool) -> None:
        """Serve with all replicas, or with the first one only."""
        self.spread = all_of_them
        await self._tell()

    async def watch(self) -> None:
        """Probe and tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            for instance in self._instances:
                group.create_task(self._watch_one(instance))

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._tell()

    async def _watch_one(self, instance: str) -> None:
        while True:
            self._misses[instance] = 0 if await self._probe(instance) else self._misses[instance] + 1
            self._changed.set()
            await asyncio.sleep(PROBE_S if self._misses[instance] < MISSES else STARTING_S)

    async def _tell(self) -> None:
        present = frozenset(name for name in self.serving if self._misses[name] < MISSES)
        before, self._present = self._present, present
        for name in sorted(before ^ present):
            self._say(name, name in present)
        wanted = self.endpoints
        if wanted != self._told:
            self._told = wanted
            await self._lead_to(wanted)
