"""How the node and its clients talk: one JSON object a line over a Unix socket, one answer to each request."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import TypeAlias

from gameday.targets.protocol import TargetError

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Message = Mapping[str, Json]

TIMEOUT_S = 5.0
"""How long a client waits for an answer; the node gives up on what it asks others after three seconds."""

MOST_BYTES = 1 << 22


def encode(message: Message) -> bytes:
    """Write one message with its line end."""
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Json]:
    """Read one message. Raises ``ValueError``."""
    value = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError("a message is a JSON object")
    return value


def number(message: Message, name: str) -> float:
    """Read a number of a message. Raises ``KeyError`` or ``TypeError``."""
    value = message[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is no number")
    return float(value)


def ask(address: str, op: str, timeout_s: float = TIMEOUT_S, /, **parameters: Json) -> dict[str, Json]:
    """
    Send a request to a node and return its answer.

    Raises:
        TargetError: The node cannot be reached, does not answer in time, or could not do it.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(address)
            connection.sendall(encode({"op": op, **parameters}))
            with connection.makefile("rb") as lines:
                answer = decode(lines.readline())
    except TimeoutError:
        raise TargetError(f"the local system did not answer {op!r} within {timeout_s:g} s; see logs/node.log") from None
    except (OSError, ValueError, TypeError) as error:
        raise TargetError(
            f"the local system cannot be reached for {op!r}: {error}; it is gone, start it again"
        ) from error
    if "error" in answer:
        raise TargetError(f"{op}: {answer['error']}")
    return answer
