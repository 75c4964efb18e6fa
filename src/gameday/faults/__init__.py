"""One file per fault: its parameters, undo data, effect and proof."""

from collections.abc import Mapping

from gameday.faults.activity import Activity
from gameday.faults.blackhole import Blackhole
from gameday.faults.drain import Drain
from gameday.faults.empty_cache import EmptyCache
from gameday.faults.errors import Errors
from gameday.faults.kill import Kill
from gameday.faults.latency import Latency
from gameday.faults.monkey import Monkey
from gameday.faults.none import Nothing
from gameday.faults.pause import Pause
from gameday.faults.protocol import Fault
from gameday.faults.scale import Scale
from gameday.faults.stress import Stress
from gameday.faults.surge import Surge


def catalogue() -> Mapping[str, Fault]:
    """Return the faults that ship, by the word that stands for each in experiment files."""
    faults: tuple[Fault, ...] = (
        Nothing(),
        Latency(),
        Blackhole(),
        Errors(),
        Kill(),
        Monkey(),
        Pause(),
        Scale(),
        Drain(),
        Stress(),
        EmptyCache(),
        Surge(),
        Activity(),
    )
    return {fault.name: fault for fault in faults}
