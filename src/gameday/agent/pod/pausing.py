"""Keep all processes of the container stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gameday.agent.pod.control import RefusedError
from gameday.agent.pod.helper import Helper
from gameday.agent.pod.hold import is_stopped, others


class Pause:
    """The one pause of a container."""

    def __init__(self) -> None:
        """Stop nothing yet."""
        self._helper: Helper | None = None

    @property
    def is_on(self) -> bool:
        """Tell whether processes are held."""
        return self._helper is not None and self._helper.lives

    async def pause(self, lease_s: float) -> None:
        """Stop every process, or extend the lease. Raises ``RefusedError`` when one may not be stopped."""
        if self._helper is None or not self._helper.lives:
            await self.resume()
            self._helper = Helper("gameday.agent.pod.hold", str(os.getpid()))
            try:
                said = await self._helper.hear()
            except TimeoutError:
                said = "failed: it did not answer in time"
            if not said.startswith("stopped"):
                await self.resume()
                raise RefusedError(f"pause: {said.removeprefix('failed').strip() or 'its process ended'}")
        self._helper.say(f"{lease_s}")

    async def resume(self) -> None:
        """Let them go on; idempotent."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await helper.end()

    def state(self) -> Mapping[str, object]:
        """Tell whether every process is stopped, as the kernel says, and how many there are."""
        pids = others(os.getpid())
        return {"stopped": bool(pids) and all(is_stopped(pid) for pid in pids), "pids": len(pids)}
