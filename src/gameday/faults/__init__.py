"""One file per fault: its parameters, undo data, effect and proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from gameday.faults.protocol import Fault

_CLASSES = {
    "none": "none.Nothing",
    "latency": "latency.Latency",
    "blackhole": "blackhole.Blackhole",
    "errors": "errors.Errors",
    "kill": "kill.Kill",
    "monkey": "monkey.Monkey",
    "pause": "pause.Pause",
    "scale": "scale.Scale",
    "drain": "drain.Drain",
    "stress": "stress.Stress",
    "empty-cache": "empty_cache.EmptyCache",
    "surge": "surge.Surge",
    "activity": "activity.Activity",
}
"""Where each is; a fault is imported when it is first looked up, because a file names one or two."""


def catalogue() -> Mapping[str, Fault]:
    """Return the faults that ship, by the word that stands for each in experiment files."""
    return _Catalogue()


class _Catalogue(Mapping[str, "Fault"]):
    """Every fault, made when it is looked up."""

    def __getitem__(self, name: str) -> Fault:
        return _fault(_CLASSES[name])

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


@cache
def _fault(path: str) -> Fault:
    module, name = path.split(".")
    return cast("Fault", getattr(import_module(f"{__name__}.{module}"), name)())
