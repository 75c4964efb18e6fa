"""Read how many connections this machine can have to one address."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_PORTS: Final = 28232


def local_ports() -> int:
    """
    Return from how many ports connections to one address can be made at once.

    The kernel's default where it does not say.
    """
    try:
        first, last = _PORT_RANGE.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return _USUAL_PORTS
    return int(last) - int(first) + 1
