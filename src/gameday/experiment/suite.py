"""A suite: experiments to be run one after the other; the same types validate its file and give its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from gameday.experiment.declared import Declared, Name


class Entry(Declared):
    """
    One experiment of a suite; without a variant or seed of its own it takes those of the command line.

    ``experiment`` is a name, or the path of a file as seen from the suite's. ``expect`` is the verdict with which all is well:
    ``fail`` for a variant that must not hold.
    """

    experiment: Annotated[str, Field(min_length=1, examples=["kill-web"])]
    variant: Name | None = None
    seed: NonNegativeInt | None = None
    expect: Literal["pass", "fail", "inconclusive", "invalid"] = "pass"


class Suite(Declared):
    """Experiments in the order in which they are run."""

    title: Annotated[str, Field(min_length=1, examples=["What must hold every night"])]
    description: str = ""
    experiments: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=200)]
