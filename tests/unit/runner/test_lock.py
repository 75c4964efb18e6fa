"""One run at a time per system and folder of runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gameday.runner.lock import RefusedError, is_locked, lock


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
