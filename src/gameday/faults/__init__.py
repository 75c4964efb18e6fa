"""One file per fault: its parameters, undo data, effect and proof."""

from collections.abc import Mapping

from gameday.faults.empty_cache import EmptyCache
from gameday.faults.latency import Latency
from gameday.faults.none import Nothing
from gameday.faults.protocol import Fault


def catalogue() -> Mapping[str, Fault]:
    """Return the faults that ship, by the word that stands for each in experiment files."""
    faults: tuple[Fault, ...] = (Nothing(), Latency(), EmptyCache())
    return {fault.name: fault for fault in faults}
