"""Who has called this pod: the other ends of the connections that its ports took, those that have ended included."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence

from gameday.agent.pod import connections
from gameday.agent.pod.connections import Connection

_MOST_READ = 256
"""Of the connections that ended since the last look: where there are more, their callers are seen by the others."""
_MOST_KEPT = 4096
"""Ports and addresses that are remembered of them."""


class Callers:
    """The callers of a pod since this began; ``look`` is to be called every second or so."""

    def __init__(self, *, spared: Sequence[str]) -> None:
        """
        Have the kernel report each connection that ends, where it does.

        ``spared`` is where the kubelet's probes come from.
        """
        self._spared = frozenset(spared)
        self._ended: set[tuple[int, str]] = set()
        self._events: socket.socket | None = None
        try:
            self._events = connections.subscribe()
        except OSError:  # then only connections that are there at a look are seen
            return

    def look(self) -> None:
        """Read which connections have ended since the last look."""
        if self._events is None:
            return
        for end in self._ends(connections.ended(self._events, _MOST_READ)):
            if len(self._ended) < _MOST_KEPT:
                self._ended.add(end)

    def hosts(self) -> list[str]:
        """
        Return the addresses from which connections to ports of this pod came, but for its own and the kubelet's.

        Raises:
            OSError: The kernel shows no sockets, not even this agent's own.
        """
        self.look()
        taken = {*self._ended, *self._ends(connections.there())}
        listening = connections.listening()
        if not listening:
            raise OSError("the kernel shows no sockets by sock_diag")
        return sorted({host for port, host in taken if port in listening})

    def end(self) -> None:
        """Have nothing reported any more. Idempotent."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _ends(self, found: Iterable[Connection]) -> Iterator[tuple[int, str]]:
        """Yield the own port and the other address of connections with others."""
        for each in found:
            host = each.remote[0]
            if host != each.local[0] and host not in self._spared and not ipaddress.ip_address(host).is_loopback:
                yield each.local[1], host
