"""Name a request: its id and its W3C trace context follow from the run's seed, its route and its number alone."""

from __future__ import annotations

import hashlib


def request_id(route: str, seq: int) -> str:
    """Return the ``X-Request-Id`` of an arrival."""
    return f"{route}-{seq}"


def trace_id(seed: int, route: str, seq: int) -> str:
    """Return the trace id of an arrival: 32 hexadecimal digits, to be found in the logs of the system under test."""
    return _digest(seed, route, seq)[:32]


def traceparent(seed: int, route: str, seq: int) -> str:
    """
    Return the ``traceparent`` header of an arrival, sampled.

    Source:
        W3C Trace Context, section 3.2: version, 16 bytes of trace id, 8 bytes of parent id, flags.
    """
    digest = _digest(seed, route, seq)
    return f"00-{digest[:32]}-{digest[32:]}-01"


def _digest(seed: int, route: str, seq: int) -> str:
    return hashlib.blake2b(f"{seed}/{route}/{seq}".encode(), digest_size=24).hexdigest()
