"""Which pool a call or a query takes its slot from; the one place where the shop's pools have their sizes."""

from __future__ import annotations

from gameday.demo.pool import Pool
from gameday.demo.toggles import Switches

DATABASE_CONNECTIONS = 100


class Pools:
    """
    One pool for all calls and one for all queries, or one for each, as the toggle says; it may change at any time.

    Each replica of web has its own, and either replica can do all of the work alone. What may run at once in the catalogue caps the load
    on the database: twice the twenty hot products, each of which single-flight asks for once.
    """

    def __init__(self, switches: Switches) -> None:
        """Start with every pool empty."""
        self._switches = switches
        self._shared = {
            "outbound": Pool("outbound", 20, queue_limit=100),
            "database": Pool("database", DATABASE_CONNECTIONS, queue_limit=200),
        }
        self._own = {
            "recommendations": Pool("recommendations", 5, queue_limit=10),
            "payments": Pool("payments", 10, queue_limit=20),
            "images": Pool("images", 5, queue_limit=5),
            "catalogue": Pool("catalogue", 40, queue_limit=40),
            "identity": Pool("identity", 10, queue_limit=20),
            "orders": Pool("orders", 10, queue_limit=20),
        }

    def outbound(self, dependency: str) -> Pool:
        """Return the pool for a call to a service."""
        return self._own[dependency] if self._separate else self._shared["outbound"]

    def queries(self, compartment: str) -> Pool:
        """Return the pool for a query of a compartment: catalogue, identity or orders."""
        return self._own[compartment] if self._separate else self._shared["database"]

    def in_use(self) -> tuple[Pool, ...]:
        """Return the pools that the toggle selects, and those that still hold something."""
        now, before = (self._own, self._shared) if self._separate else (self._shared, self._own)
        return (*now.values(), *(pool for pool in before.values() if pool.in_flight))

    @property
    def _separate(self) -> bool:
        return self._switches.current.pool_per_dependency
