"""The parcel office: a desk that users ask, a tariff that reckons prices, a shelf (Redis) that keeps them."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import NoReturn

from two_tier.image.peers import Backend, Store
from two_tier.image.serving import Answer, Asked, Handle, serve

RECKONING_S = 0.03
"""How long a price takes that is not on the shelf."""
UNAVAILABLE: Answer = (503, {"error": "try again"})


def desk() -> tuple[Mapping[str, Handle], Asked]:
    """Return the routes of the desk, and the counts of what it asks the tariff."""
    tariff, asked = Backend(os.environ["TARIFF"], timeout_s=2.0), Asked("tariff")

    def ask(path: str, body: bytes) -> Answer:
        began_s, took_ms = time.monotonic(), None
        try:
            status, answer = tariff.post(path, body)
            took_ms = 1000 * (time.monotonic() - began_s)
        except TimeoutError:
            return 504, {"error": "the tariff takes too long"}
        except OSError:
            return UNAVAILABLE
        finally:
            asked.add(took_ms)
        return (200, json.loads(answer)) if status == 200 else (status, {"error": f"the tariff answered {status}"})

    def track(path: str, _body: bytes) -> Answer:
        return ask("/price", json.dumps({"parcel": path.rsplit("/", 1)[-1]}).encode())

    def parcels(_path: str, body: bytes) -> Answer:
        return ask("/book", body)

    def label(path: str, _body: bytes) -> Answer:
        return 200, {"label": path.rsplit("/", 1)[-1].zfill(12)}

    return {"track": track, "parcels": parcels, "label": label, "stamp": label}, asked


def tariff() -> tuple[Mapping[str, Handle], None]:
    """Return the routes of the tariff; it asks nobody but a store."""
    shelf = Store(os.environ["SHELF"], timeout_s=0.3)

    def price(_path: str, body: bytes) -> Answer:
        key = f"price:{json.loads(body)['parcel']}"
        try:
            known = shelf.ask("GET", key)
        except OSError:
            known = None
        if known is not None:
            return 200, {"price": known.decode()}
        time.sleep(RECKONING_S)
        reckoned = str(sum(map(ord, key)) % 900 + 100)
        try:
            shelf.ask("SET", key, reckoned, "EX", "600")
        except OSError:
            return 200, {"price": reckoned, "kept": False}
        return 200, {"price": reckoned}

    def book(_path: str, _body: bytes) -> Answer:
        try:
            number = shelf.ask("INCR", "booked")
        except OSError:
            return UNAVAILABLE
        return 200, {"number": (number or b"").decode()}

    return {"price": price, "book": book}, None


def wait() -> NoReturn:
    """Do nothing, as a container beside the service does, or a job that takes long."""
    while True:
        threading.Event().wait()


def _leave(_signal: int, _frame: object) -> NoReturn:
    print("asked to leave", flush=True)
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    role = {"desk": desk, "tariff": tariff}.get(sys.argv[1])
    if role is None:
        wait()
    serve(*role())
