"""Use processor time and memory beside the container's processes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gameday.agent.affording import too_much
from gameday.agent.pod.control import RefusedError
from gameday.agent.pod.helper import Helper, tree


class Stressor:
    """The one stressor of a container."""

    def __init__(self) -> None:
        """Use nothing yet."""
        self._helper: Helper | None = None

    @property
    def is_on(self) -> bool:
        """Return whether it runs."""
        return self._helper is not None and self._helper.lives

    def stress(
        self, *, cores: float, memory_bytes: float, most_cores: float, most_bytes: float, lease_s: float
    ) -> None:
        """Use so much, or extend the lease with what is asked now. Raises ``RefusedError`` when the node has not so much."""
        if self._helper is None or not self._helper.lives:
            if lacking := too_much(most_cores, most_bytes, machine="the node"):
                raise RefusedError(lacking)
            self._helper = Helper("gameday.agent.stress", str(most_cores))
        self._helper.say(f"{cores} {memory_bytes} {lease_s}")

    def used(self) -> Mapping[str, object]:
        """
        Return what it has used since it began: processor time, and the memory that it holds.

        Nulls when there is none.
        """
        if self._helper is None or not self._helper.lives:
            return {"t_s": None, "used_s": None, "rss_bytes": None}
        used_ticks = rss_pages = 0
        for pid in tree(self._helper.pid):
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
                used_ticks += int(fields[11]) + int(fields[12])  # utime and stime, fields 14 and 15 of proc(5)
                rss_pages += int(fields[21]) if pid == self._helper.pid else 0
        return {
            "t_s": time.monotonic(),
            "used_s": used_ticks / os.sysconf("SC_CLK_TCK"),
            "rss_bytes": rss_pages * os.sysconf("SC_PAGE_SIZE"),
        }

    async def relax(self) -> None:
        """End it; idempotent."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await helper.end()
