"""Make a run's folder and describe what the run is made with."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path

from gameday.agent.lifeline import boot_id
from gameday.experiment.plan import Plan
from gameday.record.folder import About
from gameday.record.guarded import write_text

PACKAGES = ("gameday", "chaostoolkit-lib", "locust")


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts of the two files as they were read, and the command that runs them again; where the load's own locustfile lies."""

    experiment: str
    system: str
    command: str
    locustfile: Path | None = None


def create_folder(out: Path, plan: Plan, sources: Sources) -> Path:
    """Make ``<out>/<UTC time>-<experiment>/`` with the plan and the sources in it, and point ``<out>/latest`` to it."""
    folder = new_folder(out, plan.name)
    write_text(folder / "plan.json", plan.to_json())
    write_text(folder / "experiment.yaml", sources.experiment)
    write_text(folder / "system.yaml", sources.system)
    if sources.locustfile:
        (folder / "locustfile.py").write_bytes(sources.locustfile.read_bytes())
    (folder / "logs").mkdir(mode=0o755)
    describe(folder, sources, start_s=0.0, parts={})
    point_latest(folder)
    return folder


def new_folder(out: Path, name: str) -> Path:
    """Make an empty folder for a run that begins now."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
    os.umask(os.umask(0) | 0o022)  # recover and report trust no folder in which others can write
    for number in count(1):
        folder = out / (f"{stamp}-{name}" + (f"-{number}" if number > 1 else ""))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        break
    return folder


def point_latest(folder: Path) -> None:
    """Let ``latest`` beside a run's folder point to it, at once or not at all."""
    out = folder.parent
    link = out / f".latest-{os.getpid()}"
    link.symlink_to(folder.name)
    link.replace(out / "latest")


def describe(folder: Path, sources: Sources, *, start_s: float, parts: Mapping[str, str]) -> None:
    """Write ``run.json``; written again once the system's parts are known."""
    about = About(
        started=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        start_s=start_s,
        boot_id=boot_id(),
        versions={
            **{name: version(name) for name in PACKAGES},
            "Python": platform.python_version(),
            **parts,
            "kernel": platform.release(),
            "processors": str(os.cpu_count()),
        },
        command=sources.command,
    )
    write_text(folder / "run.json", about.to_json())
