"""Check the abort condition once a second, while the fault is on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gameday.experiment.model import Abort
from gameday.experiment.plan import Plan
from gameday.record.history import Event, History
from gameday.record.requests import FLUSH_S, RowReader
from gameday.runner.safety import Burn, burn

PERIOD_S = 1.0
SUSTAINED = 2
"""Checks in a row that must exceed the burn rate before the run ends."""


class Watch:
    """Reads new rows as they are written; silent when the experiment declares no abort condition."""

    def __init__(self, plan: Plan, folder: Path, history: History) -> None:
        """Prepare to watch the protected route of a plan."""
        self._plan, self._history = plan, history
        self._abort = plan.experiment.safety.abort
        self._reader = RowReader(folder)
        self._rows = self._reader.read()
        self._next_s = plan.phase("fault").start_s
        self._times_s = plan.arrivals(self._abort.route).times_s if self._abort else ()
        self._route = next((load.index for load in plan.routes if self._abort and load.route == self._abort.route), -1)
        self._exceeded = 0
        self._noticed = False

    def must_end(self, now_s: float) -> bool:
        """Return whether an enforced condition has held for two checks; a recorded one is noted once."""
        if self._abort is None or now_s < self._next_s:
            return False
        self._next_s = now_s + PERIOD_S
        fresh = self._reader.read()
        self._rows = np.concatenate([self._rows, fresh[fresh["route"] == self._route]])
        burning = self._burn(now_s, self._abort)
        self._exceeded = self._exceeded + 1 if burning.exceeds(self._abort) else 0
        if self._exceeded < SUSTAINED or self._noticed:
            return False
        self._noticed = True
        self._history.append(
            Event.ABORT_NOTICED,
            {
                "route": self._abort.route,
                "burn_10s": round(burning.long, 2),
                "burn_2s": round(burning.short, 2),
                "bad": burning.bad,
                "mode": self._abort.mode,
            },
        )
        if self._abort.mode == "enforce":
            reason = f"{self._abort.route} burns its error budget {burning.long:.0f} times too fast ({burning.bad} bad requests)"
            self._history.append(Event.RUN_ABORTED, {"reason": reason, "route": self._abort.route})
            return True
        return False

    def _burn(self, now_s: float, abort: Abort) -> Burn:
        """
        Measure the burn over requests that are settled.

        Of a closed load nothing is scheduled: what was sent and has ended is all there is. There a request that hangs is seen only when the
        client gives up, so the burn is looked for among those that must have ended by then, too.
        """
        deadline_s = self._plan.system.routes[abort.route].deadline_s
        if not self._plan.closed:
            return burn(self._rows, self._times_s, now_s=now_s, settled_s=deadline_s + FLUSH_S, abort=abort)
        times_s = np.sort(self._rows["scheduled_s"]).tolist()
        soon, late = (
            burn(self._rows, times_s, now_s=now_s, settled_s=settled_s + FLUSH_S, abort=abort)
            for settled_s in (deadline_s, self._plan.experiment.load.hang_s)
        )
        return soon if soon.exceeds(abort) else late
