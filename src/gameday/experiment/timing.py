"""What an entry of the method may say beside its fault: when it is on within the fault phase, and how its dose goes."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator, model_validator

from gameday.experiment.declared import Declared
from gameday.experiment.units import Seconds, was_read

LEAST_S = 1.0
"""The shortest ramp or part of a pulse: intensities are set by the renewals, one a second."""


class Pulse(Declared):
    """The full dose for ``full_s``, then none for ``rest_s``, again and again. ``{full: 2s, rest: 3s}``."""

    full_s: Seconds
    rest_s: Seconds

    @field_validator("full_s", "rest_s")
    @classmethod
    def _long_enough(cls, value: float, info: ValidationInfo) -> float:
        if value < LEAST_S and not was_read(info):
            raise ValueError("at least 1s: the intensity is set once a second")
        return value


class Timing(Declared):
    """
    What an entry of the method may say beside its fault.

    ``at_s`` counts from the start of the fault phase; without ``for_s`` the fault lasts to the phase's end. ``ramp_s`` raises the dose
    evenly from nothing to its full value; ``pulse`` switches it on and off.
    """

    at_s: Seconds = 0.0
    for_s: Seconds | None = None
    ramp_s: Seconds | None = None
    pulse: Pulse | None = None

    @model_validator(mode="after")
    def _one_course(self) -> Timing:
        if self.ramp_s is not None and self.pulse is not None:
            raise ValueError("ramp or pulse, not both")
        return self
