"""One run at a time per system and folder of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gameday.runner.lock import RefusedError, is_locked, lock
from gameday.targets.local.stay import Stay, is_held


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    """By process id, with what to do."""
    with lock(tmp_path, system="shop", target="local"):
        with (
            pytest.raises(RefusedError, match=rf"process {os.getpid()}\)"),
            lock(tmp_path, system="shop", target="local"),
        ):
            pass
        assert is_locked(tmp_path, system="shop", target="local")
    assert not is_locked(tmp_path, system="shop", target="local")


def test_other_systems_and_other_folders_are_free(tmp_path: Path) -> None:
    """Two clones have two folders."""
    with lock(tmp_path, system="shop", target="local"):
        assert not is_locked(tmp_path, system="bank", target="local")
        assert not is_locked(tmp_path / "clone", system="shop", target="local")


OTHERS = 4711
"""A user id that is not the caller's; in a namespace of users that does not know it, root may not write its files either."""
NAMESPACE = ("unshare", "--user", "--map-user=1")


@pytest.mark.parametrize("what", ["another user's", "a pipe", "a folder", "a link"])
def test_what_is_no_lock_of_ones_own_is_refused_in_a_sentence(tmp_path: Path, what: str) -> None:
    """Nothing hangs, nothing is written where a link leads, and whoever only looks takes the system for held."""
    path = tmp_path / ".lock-shop-local"
    if what == "another user's":
        path.touch(0o644)
        if os.geteuid() or subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode:
            pytest.skip("nobody here can make a file another user's")
        os.chown(path, OTHERS, OTHERS)
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    script = (
        "import sys; from pathlib import Path; from gameday.runner.lock import is_locked, lock, RefusedError\n"
        "out = Path(sys.argv[1])\n"
        "assert is_locked(out, system='shop', target='local')\n"
        "try:\n"
        "    with lock(out, system='shop', target='local'): pass\n"
        "except RefusedError as error: print(error)\n"
    )
    program = [*(NAMESPACE if what == "another user's" else ()), sys.executable, "-P", "-c", script, str(tmp_path)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=20, check=False)
    why = {
        "another user's": "Permission denied",
        "a pipe": "it is no regular file",
        "a folder": "Is a directory",
        "a link": "it is a link",
    }[what]
    expected = (
        f"the lock of shop on local, {path}, cannot be used: {why}; remove it, or keep the runs in another folder\n"
    )
    assert (ended.stdout, ended.stderr) == (expected, "")
    assert not (tmp_path / "elsewhere").exists()


PROBE = """
import sys
from pathlib import Path
from gameday.runner.lock import is_locked
from gameday.targets.local.stay import is_held
print(flush=True)
while True:
    is_locked(Path(sys.argv[1]), system="shop", target="local")
    is_held(Path(sys.argv[1]) / "stay")
"""


def test_whoever_only_looks_keeps_nobody_from_a_lock(tmp_path: Path) -> None:
    """Two processes look without a pause, while a third takes the lock three hundred times, and the one of a standing system."""
    (tmp_path / "stay").touch()
    with ExitStack() as probes:
        for _ in range(2):
            command = [sys.executable, "-c", PROBE, str(tmp_path)]
            probe = probes.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            probes.callback(probe.kill)
            assert probe.stdout
            probe.stdout.readline()
        for _ in range(300):
            with lock(tmp_path, system="shop", target="local"):
                pass
            os.close(Stay(tmp_path / "stay")._file)


def test_a_standing_system_is_seen_by_its_lock(tmp_path: Path) -> None:
    """As long as its node has the file open."""
    (path := tmp_path / "stay").touch()
    assert not is_held(path)
    stay = Stay(path)
    assert is_held(path)
    with pytest.raises(BlockingIOError):
        Stay(path)
    os.close(stay._file)
    assert not is_held(path)
