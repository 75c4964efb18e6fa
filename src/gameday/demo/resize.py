"""The image job: it blocks whatever thread it runs in, as a codec in C does that holds the interpreter's lock."""

from __future__ import annotations

import time

JOB_S = 0.3


def resize(product: int) -> dict[str, int | str]:
    """Make a product's small image. Emulated: it takes the thread's time and none of the processor's, so that two cores suffice."""
    time.sleep(JOB_S)
    return {"product": product, "image": f"/static/{product}-small.jpg"}
