"""What a run asks of a node that runs, whoever started it."""

from __future__ import annotations

from collections.abc import Mapping

from gameday.targets.events import TargetEvent
from gameday.targets.local.events import read_event
from gameday.targets.local.wire import ask

_SWITCH_S = 10.0


class Control:
    """A node at an address; every method may raise ``TargetError``."""

    def __init__(self) -> None:
        """Know of no node yet."""
        self._address = ""
        self._events_seen = 0

    @property
    def address(self) -> str:
        """Return what ``LocalTarget`` needs in this or any other process of the same user."""
        return self._address

    def switch(self, variant: Mapping[str, bool]) -> None:
        """Switch mechanisms on or off; those that are not named stay. Raises ``TargetError``."""
        ask(self._address, "switch", _SWITCH_S, toggles=dict(variant))

    def reset(self) -> None:
        """Begin afresh: no fault, the usual products in the cache and no others, closed breakers. Raises ``TargetError``."""
        ask(self._address, "reset", _SWITCH_S)

    def events(self, *, last: bool = False) -> tuple[TargetEvent, ...]:
        """Return what happened to processes and replicas since the last call, oldest first. Raises ``TargetError``."""
        if last:
            ask(self._address, "metrics")  # so that the node asks the proxies
        answer = ask(self._address, "events", after=self._events_seen)
        found = answer["events"]
        events = (
            tuple(read_event(value) for value in found if isinstance(value, dict)) if isinstance(found, list) else ()
        )
        self._events_seen += len(events)
        return events

    def versions(self) -> dict[str, str]:
        """Return the versions of Redis and PostgreSQL. Raises ``TargetError``."""
        return {name: str(version) for name, version in ask(self._address, "versions").items()}

    def residue(self) -> None:
        """Find nothing: what a run does to the processes ends with them, or with their reset."""

    def notes(self) -> tuple[str, ...]:
        """Return nothing: proxies stand on every edge from the start."""
        return ()
