"""Hold the system that a run is about, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from gameday.experiment.plan import Plan
from gameday.runner.lock import RefusedError
from gameday.targets.claim import Claim, ClaimError
from gameday.targets.connect import claimed


@contextmanager
def claim(plan: Plan) -> Iterator[Claim]:
    """
    Hold the plan's system on its target within the block.

    Raises:
        RefusedError: It may not be used now.
        TargetError: The target cannot be asked.
    """
    with ExitStack() as ends:
        try:
            held = ends.enter_context(claimed(plan.target, plan.system))
        except ClaimError as error:
            raise RefusedError(str(error)) from error
        yield held
