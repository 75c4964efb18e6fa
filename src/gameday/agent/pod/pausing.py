"""Keep all processes of the container stopped."""

from __future__ import annotations

from collections.abc import Mapping

from gameday.agent.pod.control import RefusedError
from gameday.agent.pod.helper import Helper
from gameday.agent.pod.hold import is_stopped, of_container


class Pause:
    """The one pause of a container."""

    def __init__(self) -> None:
        """Stop nothing yet."""
        self._helper: Helper | None = None

    @property
    def is_on(self) -> bool:
        """Return whether processes are held."""
        return self._helper is not None and self._helper.lives

    async def pause(self, lease_s: float) -> None:
        """Stop every process, or extend the lease. Raises ``RefusedError`` when one may not be stopped."""
        if self._helper is None or not self._helper.lives:
            await self.resume()
            self._helper = await _holding("stopped")
        self._helper.say(f"{lease_s}")

    async def resume(self) -> None:
        """Release them; idempotent."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await helper.end()

    async def see_allowed(self) -> None:
        """Trace every process, and let go: nothing has happened. Raises ``RefusedError`` when one may not be stopped."""
        if not self.is_on:  # else it is one that may
            await (await _holding("traced", "try")).end()

    def state(self) -> Mapping[str, object]:
        """Return whether every process is stopped, as the kernel says, and how many there are."""
        pids = of_container()
        return {"stopped": bool(pids) and all(is_stopped(pid) for pid in pids), "pids": len(pids)}


async def _holding(expected: str, *arguments: str) -> Helper:
    """Start what holds every process, and return when it does. Raises ``RefusedError`` when it may not."""
    helper = Helper("gameday.agent.pod.hold", *arguments)
    try:
        said = await helper.hear()
    except TimeoutError:
        said = "failed: it did not answer in time"
    if not said.startswith(expected):
        await helper.end()
        raise RefusedError(f"pause: {said.removeprefix('failed').strip() or 'its process ended'}")
    return helper
