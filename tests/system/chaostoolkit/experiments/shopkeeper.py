"""Activities and tolerances that the experiments of this folder bring with them."""

from __future__ import annotations

import time
import urllib.request
from typing import Any

from chaoslib.exceptions import InterruptExecution
from chaoslib.exit import exit_gracefully, exit_ungracefully


def post(url: str, path: str, token: str = "", secrets: dict[str, str] | None = None) -> int:
    """Send a POST and return its status."""
    token = (secrets or {}).get("token", token)
    request = urllib.request.Request(url + path, data=b"", headers={"Authorization": token})  # noqa: S310 - the test's own server
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - same
        return int(answer.status)


def later(url: str, path: str, seconds: float) -> int:
    """Wait, then send a POST."""
    time.sleep(seconds)
    return post(url, path)


def tell(value: Any) -> Any:  # noqa: ANN401 - a tolerance may be asked about anything
    """Return the value."""
    return value


def is_even(value: int) -> bool:
    """Accept even numbers, as the tolerance of a probe."""
    return value % 2 == 0


def fail(what: str) -> None:
    """Raise."""
    raise RuntimeError(what)


def interrupt() -> None:
    """End the experiment from inside."""
    raise InterruptExecution("enough")


def leave() -> None:
    """End the experiment as Chaos Toolkit offers it to activities."""
    exit_gracefully()
    time.sleep(5)


def leave_at_once() -> None:
    """End the experiment in the way for which Chaos Toolkit skips every rollback."""
    exit_ungracefully()
    time.sleep(5)


def nap(seconds: float) -> None:
    """Take its time."""
    time.sleep(seconds)
