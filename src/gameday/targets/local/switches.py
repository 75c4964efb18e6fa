"""The mechanisms that each demo system can switch: what the variants of a system file may name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gameday.demo.toggles import Toggles

SWITCHES: Mapping[str, tuple[str, ...]] = MappingProxyType({"shop": tuple(Toggles().to_json())})
"""Demo -> the names of its switches, as the files write them."""
