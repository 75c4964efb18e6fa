"""Write quantities as the files do: the other way round of ``units``."""

from __future__ import annotations

from gameday.experiment.units import Threshold


def seconds(value_s: float) -> str:
    """Write a duration in its handiest unit: ``250ms``, ``6s``, ``500us``."""
    if value_s == 0 or value_s >= 1:
        return f"{value_s:.10g}s"
    return f"{value_s * 1e3:.10g}ms" if value_s >= 1e-3 else f"{value_s * 1e6:.10g}us"


def per_second(rate_per_s: float) -> str:
    """Write a rate: ``60/s``."""
    return f"{rate_per_s:.10g}/s"


def share(ratio: float) -> str:
    """Write a ratio of 0..1 as ``99.9%``."""
    return f"{ratio * 100:.10g}%"


def size(amount_bytes: float) -> str:
    """Write an amount of memory: ``200MB``."""
    unit, name = (1e9, "GB") if amount_bytes >= 1e9 else (1e6, "MB") if amount_bytes >= 1e6 else (1e3, "kB")
    return f"{amount_bytes / unit:.10g}{name}"


def cores(count: float) -> str:
    """Write a number of cores: ``0.5 cores``."""
    return f"{count:.10g} core{'' if count == 1 else 's'}"


def at_most_seconds(threshold: Threshold) -> str:
    """Write a threshold on a duration: ``< 250ms``."""
    return f"{threshold.op} {seconds(threshold.bound)}"


def of_share(threshold: Threshold) -> str:
    """Write a threshold on a share: ``> 99%``."""
    return f"{threshold.op} {share(threshold.bound)}"


def of_number(threshold: Threshold) -> str:
    """Write a threshold on a plain number: ``< 1.2``."""
    return f"{threshold.op} {threshold.bound:.10g}"
