"""
Read quantities with their units: ``6s``, ``250ms``, ``100/s``, ``99.9%``, ``200MB``, ``< 250ms``.

Every parser returns SI values (seconds, per second, bytes, ratios in 0..1) and raises ``ValueError`` with a text that says what
would be valid. The annotated types below plug the parsers into pydantic models and give the JSON Schema its patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_TIME = r"\s*(us|ms|s|m|h)"
_RATE = r"\s*/\s*(s|m)"
_CORES = r"\s*cores?"
_SIZE = r"\s*(kB|MB|GB)"
_PERCENT = r"\s*%"
_BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_AT_MOST, _AT_LEAST = r"<=?\s*", r">=?\s*"
_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(.+)")


def _quantity_in(unit: str, value: object) -> re.Match[str] | None:
    """Match a number (the first group) with its unit; None for anything else."""
    return re.fullmatch(f"({_NUMBER}){unit}", value.strip()) if isinstance(value, str) else None


def duration_s(value: object) -> float:
    """Read a duration such as ``250ms``, ``6s`` or ``2m`` into seconds."""
    match = _quantity_in(_TIME, value)
    if match is None:
        raise ValueError("a duration with its unit, such as 250ms, 6s or 2m")
    return float(match[1]) * _SECONDS[match[2]]


def rate_per_s(value: object) -> float:
    """Read an arrival rate such as ``100/s`` or ``90/m`` into arrivals per second, above zero."""
    match = _quantity_in(_RATE, value)
    if match is None or float(match[1]) == 0:
        raise ValueError("a rate with its unit, such as 100/s or 90/m")
    return float(match[1]) / _SECONDS[match[2]]


def share(value: object) -> float:
    """Read a share such as ``99.9%`` into a ratio in 0..1."""
    match = _quantity_in(_PERCENT, value)
    if match is None or float(match[1]) > 100:
        raise ValueError("a share from 0% to 100%, such as 99.9%")
    return float(match[1]) / 100


def cores(value: object) -> float:
    """Read a number of processor cores such as ``1 core`` or ``0.5 cores``."""
    match = _quantity_in(_CORES, value)
    if match is None:
        raise ValueError("a number of cores, such as 1 core or 0.5 cores")
    return float(match[1])


def size_bytes(value: object) -> float:
    """Read an amount of memory such as ``200MB`` or ``1GB`` (powers of ten) into bytes."""
    match = _quantity_in(_SIZE, value)
    if match is None:
        raise ValueError("an amount with its unit, such as 200MB or 1GB")
    return float(match[1]) * _BYTES[match[2]]


def number(value: object) -> float:
    """Read a plain number, such as the ``1.2`` of ``< 1.2``."""
    match = _quantity_in("", value)
    if match is None:
        raise ValueError("a plain number, such as 1.2")
    return float(match[1])


class Threshold(BaseModel):
    """An accepted range, open on one side: ``op`` is ``<`` or ``>``; ``bound`` is in SI units or a ratio in 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["<", ">"]
    bound: float

    def holds(self, value: float) -> bool:
        """Return whether a value lies in the accepted range; the bound itself does."""
        return value <= self.bound if self.op == "<" else value >= self.bound


def _threshold(
    parse: Callable[[object], float], op: Literal["<", ">"], example: str
) -> Callable[[object, ValidationInfo], object]:
    def read(value: object, info: ValidationInfo) -> object:
        if isinstance(value, Threshold) or was_read(info):
            return value
        match = _COMPARISON.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None or match[1].rstrip("=") != op:
            raise ValueError(f'a comparison such as "{example}"')
        try:
            return Threshold(op=op, bound=parse(match[2]))
        except ValueError as error:
            raise ValueError(f'a comparison such as "{example}" ({error})') from None

    return read


def was_read(info: ValidationInfo) -> bool:
    """Return whether the input was written by gameday before (a plan's JSON), not by a person."""
    return bool(info.context and info.context.get("resolved"))


def _quantity(parse: Callable[[object], float]) -> Callable[[object, ValidationInfo], object]:
    def read(value: object, info: ValidationInfo) -> object:
        return value if was_read(info) else parse(value)

    return read


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Seconds = Annotated[float, BeforeValidator(_quantity(duration_s)), _schema(_NUMBER + _TIME, "250ms")]
PerSecond = Annotated[float, BeforeValidator(_quantity(rate_per_s)), _schema(_NUMBER + _RATE, "100/s")]
Share = Annotated[float, BeforeValidator(_quantity(share)), _schema(_NUMBER + _PERCENT, "99.9%")]
Cores = Annotated[float, BeforeValidator(_quantity(cores)), _schema(_NUMBER + _CORES, "1 core")]
Bytes = Annotated[float, BeforeValidator(_quantity(size_bytes)), _schema(_NUMBER + _SIZE, "200MB")]
AtMostSeconds = Annotated[
    Threshold,
    BeforeValidator(_threshold(duration_s, "<", "< 250ms")),
    _schema(_AT_MOST + _NUMBER + _TIME, "< 250ms"),
]
AtLeastShare = Annotated[
    Threshold, BeforeValidator(_threshold(share, ">", "> 99%")), _schema(_AT_LEAST + _NUMBER + _PERCENT, "> 99%")
]
AtMostShare = Annotated[
    Threshold, BeforeValidator(_threshold(share, "<", "< 0.5%")), _schema(_AT_MOST + _NUMBER + _PERCENT, "< 0.5%")
]
AtMostNumber = Annotated[
    Threshold, BeforeValidator(_threshold(number, "<", "< 1.2")), _schema(_AT_MOST + _NUMBER, "< 1.2")
]
AtLeastNumber = Annotated[
    Threshold, BeforeValidator(_threshold(number, ">", "> 10")), _schema(_AT_LEAST + _NUMBER, "> 10")
]
