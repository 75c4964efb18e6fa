"""
Sign what a later ``recover`` may execute, with a key of this user's, so that a folder from elsewhere cannot claim to be a run of theirs.

The key lies in the user's state folder (``$XDG_STATE_HOME/gameday/key``, by default ``~/.local/state/gameday/key``), made at the first
use, with mode 0600. It never leaves the machine; a signature holds for one place on it, because the folder's path is
signed, too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import JsonValue

_SIZE_BYTES = 32


def sign(folder: Path, kind: str, what: Mapping[str, JsonValue]) -> str | None:
    """
    Return the signature of what a run's folder says; None where this user cannot have a key.

    Args:
        folder: The run's; where it lies belongs to what is signed.
        kind: What sort of thing it is, so that nothing can be taken for something else.
        what: JSON, as it is written down.
    """
    key = _key()
    if key is None:
        return None
    text = json.dumps([str(folder.resolve()), kind, what], sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_signed(signature: object, folder: Path, kind: str, what: Mapping[str, JsonValue]) -> bool:
    """Return whether a signature is this user's, made for this."""
    mine = sign(folder, kind, what)
    if mine is None or not isinstance(signature, str):
        return False
    return hmac.compare_digest(mine.encode(), signature.encode("utf-8", "surrogatepass"))


def derive(purpose: str) -> bytes | None:
    """Return 32 secret bytes for a purpose, the same in every process of this user; None without a key."""
    key = _key()
    return None if key is None else hmac.new(key, f"derived {purpose}".encode(), hashlib.sha256).digest()


def _key() -> bytes | None:
    """Return this user's key, made if need be; None where it cannot be kept, or others could read or write it."""
    with suppress(OSError, RuntimeError):  # no home folder, or none that can be written
        folder = _state() / "gameday"
        path = folder / "key"
        if not path.exists():
            _make(folder, path)
        return _read(path)
    return None


def _state() -> Path:
    """
    Return the folder for what programs of this user keep.

    Source: XDG Base Directory Specification; a relative path is not valid.
    """
    named = os.environ.get("XDG_STATE_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".local" / "state"


def _make(folder: Path, path: Path) -> None:
    """Write a new key at once; whoever was faster wins."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".key-{os.getpid()}-{secrets.token_hex(8)}"
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, secrets.token_bytes(_SIZE_BYTES))
        os.fsync(file)
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        os.close(file)
        new.unlink()


def _read(path: Path) -> bytes | None:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        key = os.read(file, _SIZE_BYTES + 1) if own else b""
    finally:
        os.close(file)
    return key if len(key) == _SIZE_BYTES else None
