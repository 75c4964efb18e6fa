"""Choose where the next connection to a dependency goes."""

from __future__ import annotations

from gameday.demo.settings import Link


class Way:
    """Spreads connections over the proxied and the direct port so that the share is right after every few of them."""

    def __init__(self, link: Link) -> None:
        """Follow a link."""
        self.link = link
        self._owed = 0.0

    def next_port(self) -> int:
        """Return the port for one more connection."""
        self._owed += self.link.bypass
        if self._owed >= 1:
            self._owed -= 1
            return self.link.direct_port
        return self.link.port
