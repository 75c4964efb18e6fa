"""A cluster of kind on this machine, and its images: the programs ``kind`` and ``docker``, run for what no API does."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gameday.targets.kubernetes.image import SOURCES, Image, beside, digest, folder, sources
from gameday.targets.protocol import TargetError

_LOOK_S, _CREATE_S, _BUILD_S, _LOAD_S = 20.0, 300.0, 900.0, 300.0
"""Bounds against hangs: creating and building load images from the network first."""
_SAID = 12  # lines of a program that failed are told


class Kind:
    """
    One cluster.

    Args:
        name: The cluster's name.
        progress: Takes a few words for each step.
    """

    def __init__(self, name: str, progress: Callable[[str], None]) -> None:
        """Touch nothing yet."""
        self.name = name
        self._progress = progress

    def see_programs(self) -> None:
        """Raise ``TargetError`` when a program is missing or Docker does not run."""
        for program, get in (
            ("docker", "https://docs.docker.com/engine/install"),
            ("kind", "https://kind.sigs.k8s.io"),
        ):
            if shutil.which(program) is None:
                raise TargetError(f"the program {program} is not on PATH; install it: {get}")
        try:
            _run("docker", "version", "--format", "{{.Server.Version}}", within_s=_LOOK_S)
        except TargetError as error:
            raise TargetError(f"Docker does not run, so there can be no cluster; start dockerd: {error}") from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody else on this machine makes or removes the cluster: kind, when it fails, removes what another has half made."""
        lock = Path(tempfile.gettempdir()) / f"gameday-{os.getuid()}-{self.name}.lock"
        with lock.open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._progress(f"waiting for another gameday that makes or removes the cluster {self.name}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def exists(self) -> bool:
        """Return whether there is the cluster, whatever its state."""
        return self.name in _run("kind", "get", "clusters", within_s=_LOOK_S).split()

    def create(self) -> None:
        """Make the cluster from ``kind-config.yaml``; what is half made when this is interrupted is removed."""
        self._progress(f"creating the cluster {self.name} (half a minute)")
        config = str(beside("kind-config.yaml"))
        try:
            _run(
                "kind",
                "create",
                "cluster",
                "--name",
                self.name,
                "--config",
                config,
                "--wait",
                "90s",
                within_s=_CREATE_S,
            )
        except BaseException:
            self.delete()
            raise

    def delete(self) -> None:
        """Remove the cluster with all that is in it. Idempotent."""
        _run("kind", "delete", "cluster", "--name", self.name, within_s=_CREATE_S)

    def nodes(self) -> tuple[str, ...]:
        """Return the names of all nodes, the control plane's among them."""
        return tuple(sorted(_run("kind", "get", "nodes", "--name", self.name, within_s=_LOOK_S).split()))

    def build(self, image: Image) -> str:
        """See that Docker has an image made of the present sources; return the hash of those."""
        files = sources(image)
        made_of = digest(files)
        label = f'{{{{index .Config.Labels "{SOURCES}"}}}}'
        if _asked("docker", "image", "inspect", "--format", label, image.name) == made_of:
            return made_of
        self._progress(f"building the image {image.name}")
        named = ("--tag", image.name, "--label", f"{SOURCES}={made_of}", "--target", image.stage)
        with folder(files) as context:
            _run("docker", "build", "--quiet", *named, str(context), within_s=_BUILD_S)
        return made_of

    def load(self, *names: str, onto: Collection[str] | None = None) -> bool:
        """
        See that these nodes, by default all, have these images; return whether one lacked any.

        Nodes can pull what Docker does not have, so that is left to them. A node's file tells which image was loaded last, because the
        name alone says nothing and nodes know an image by another hash than Docker does.
        """
        known = {name: identity for name in names if (identity := _asked("docker", "image", "inspect", *_ID, name))}
        held = {node: _held(node) for node in self.nodes() if onto is None or node in onto}
        loaded = False
        for name, identity in known.items():
            if lacking := [node for node, images in held.items() if images.get(name) != identity]:
                loaded = True
                self._progress(f"loading the image {name} into {', '.join(lacking)}")
                nodes = ",".join(lacking)
                _run("kind", "load", "docker-image", name, "--name", self.name, "--nodes", nodes, within_s=_LOAD_S)
                for node in lacking:
                    path = f"{_NOTES}/{name.replace(':', '-')}"
                    _run("docker", "exec", node, "sh", "-c", _NOTE, "note", path, name, identity, within_s=_LOOK_S)
        return loaded

    def remove(self, node: str, path: str) -> None:
        """Remove a folder from a node."""
        _run("docker", "exec", node, "rm", "-rf", "--", path, within_s=_LOOK_S)


_ID = ("--format", "{{.Id}}")
_NOTES = "/var/lib/gameday"
_NOTE = f'mkdir -p {_NOTES} && echo "$2 $3" >"$1"'
_HELD = f"cat {_NOTES}/* 2>/dev/null; echo; ctr --namespace k8s.io images list --quiet"


def _held(node: str) -> dict[str, str]:
    """Return the images that a node holds and that were loaded into it: name -> the identity that Docker knows each by."""
    noted, _, names = (_asked("docker", "exec", node, "sh", "-c", _HELD) or "").partition("\n\n")
    there = set(names.split())
    found = (line.split() for line in noted.splitlines())
    return {each[0]: each[1] for each in found if len(each) == 2 and f"docker.io/library/{each[0]}" in there}


def _asked(*command: str) -> str | None:
    """Return what a program answers, None when it fails."""
    try:
        return _run(*command, within_s=_LOOK_S).strip()
    except TargetError:
        return None


def _run(*command: str, within_s: float) -> str:
    """Run a program and return its output; raises ``TargetError`` with the last lines of what it said when it fails."""
    asked = " ".join(command[:3])
    try:
        ended = subprocess.run(  # noqa: S603 - fixed programs, no shell
            command, capture_output=True, text=True, check=False, timeout=within_s, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise TargetError(f"the program {command[0]} is not on PATH; install it") from error
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{asked} did not end within {within_s:g} s; is Docker overloaded? docker ps") from error
    if ended.returncode != 0:
        raise TargetError(f"{asked} failed with code {ended.returncode}: {_last(ended.stderr or ended.stdout)}")
    return ended.stdout


def _last(text: str) -> str:
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_SAID:]) or "it said nothing"
