"""The images that the Dockerfile describes: what goes into each, so that Docker's can be told from what it would be now."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gameday

BASES = ("postgres:17", "redis:8")
"""Images that the shop uses as they are."""
SOURCES = "gameday.dev/sources"
"""The image's label that tells what it was made of."""

_PINNED = "requirements/shop.txt"
_PACKAGE = Path(gameday.__file__).parent


@dataclass(frozen=True, slots=True)
class Image:
    """
    One image.

    Attributes:
        name: As manifests name it.
        stage: Its stage of the Dockerfile.
        parts: What of the package is in it.
        pinned: The packages of others that are in it, and their hashes.
    """

    name: str
    stage: str
    parts: tuple[str, ...]
    pinned: tuple[str, ...]


SHOP = Image("gameday:dev", "shop", ("__init__.py", "agent", "demo"), (_PINNED,))
"""The demo system's services, the agent and the janitor."""
LOAD = Image(
    "gameday-load:dev",
    "load",
    ("__init__.py", "agent", "experiment", "load", "record"),
    (_PINNED, "requirements/load.txt"),
)
"""The load's workers."""


def beside(name: str) -> Path:
    """Return a file that lies beside the sources, or in the package where it was installed from a wheel."""
    checkout = _PACKAGE.parents[1] / name
    return checkout if checkout.is_file() else _PACKAGE / "cluster" / name


def sources(image: Image) -> tuple[tuple[str, Path], ...]:
    """Return all that an image is made of: each file's path for the build, and where it is; sorted."""
    named = [(name, beside(name)) for name in ("Dockerfile", *image.pinned)]
    for part in image.parts:
        whole = _PACKAGE / part
        files = whole.rglob("*.py") if whole.is_dir() else (whole,)
        named += [(f"src/gameday/{path.relative_to(_PACKAGE).as_posix()}", path) for path in files]
    return tuple(sorted(named))


def digest(files: tuple[tuple[str, Path], ...]) -> str:
    """Return a hash of files' paths and contents."""
    sums = "".join(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for name, path in files)
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


@contextmanager
def folder(files: tuple[tuple[str, Path], ...]) -> Iterator[Path]:
    """Copy files to where Docker builds from: just these, so that what is hashed is what is built."""
    with tempfile.TemporaryDirectory(prefix="gameday-image-") as name:
        for path, source in files:
            copy = Path(name) / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
        yield Path(name)
