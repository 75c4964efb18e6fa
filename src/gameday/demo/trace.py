"""W3C trace context: which trace a request belongs to."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Trace:
    """A span of a trace: identifiers and flags in hexadecimal, as the header has them."""

    trace_id: str
    span_id: str
    flags: str = "01"

    def header(self) -> str:
        """Write the ``traceparent`` header for calls made within this span."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def span(traceparent: str | None) -> Trace:
    """
    Begin a span: of the caller's trace when its header is valid, else of a new trace.

    Source:
        W3C Trace Context, version 00; identifiers of zeros only are invalid.
    """
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or not match[1].strip("0") or not match[2].strip("0"):
        return Trace(secrets.token_hex(16), secrets.token_hex(8))
    return Trace(match[1], secrets.token_hex(8), match[3])
