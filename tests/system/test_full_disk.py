"""Each write of a run's history fails, once and for ever: what must be undone is undone, and that the record is not whole is told."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from gameday.record.history import outstanding, read_history
from system.running import Running, run, start, wait_until

pytestmark = pytest.mark.system

SHORT = Path(__file__).parent / "experiments" / "short-latency.yaml"
MOST = {"supervisor": 36, "worker": 18}
"""A run of nine seconds writes fewer lines than these."""
EVERY = [each for writer, most in MOST.items() for each in product([writer], range(1, most), (False, True))]
BROKEN = """
import errno, os

count, write = 0, os.write


def full(file, data):
    global count
    try:
        path = os.readlink(f"/proc/self/fd/{{file}}")
    except OSError:
        path = ""
    if path.endswith("/history/{writer}.ndjson"):
        count += 1
        if count == {nth} or ({for_ever} and count > {nth}):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return write(file, data)


os.write = full
"""


@pytest.mark.drawn(5)
@pytest.mark.parametrize(("writer", "nth", "for_ever"), EVERY)
def test_a_write_that_fails_keeps_nothing_from_being_undone(
    writer: str, nth: int, tmp_path: Path, *, for_ever: bool
) -> None:
    """Whichever it is, of whichever process. No write is the last: a run may write less than there is room for here."""
    broken = tmp_path / "broken"
    broken.mkdir()
    text = BROKEN.format(writer=writer, nth=nth, for_ever=for_ever)
    (broken / "sitecustomize.py").write_text(text, encoding="utf-8")
    running = run(tmp_path / "runs", str(SHORT), environment={"PYTHONPATH": str(broken)})
    code, printed = running.code(), running.printed()
    assert code in {0, 1, 3, 4}, printed
    assert "Traceback" not in printed
    assert code == 0 or "✓ PASS" not in printed, "records are lost, so nothing is shown"
    wait_until(lambda: not running.left(), within_s=20.0, what="the end of all processes")
    history = read_history(running.folder) if (running.out / "latest").exists() else ()
    if outstanding(history):
        assert code == 4, printed
        assert recovered(running) == []


def plain(mark: Path) -> dict[str, object]:
    """Return a plain experiment that makes a file, and whose rollback removes it."""
    return {
        "title": "Is it undone?",
        "description": "Made up by a test.",
        "method": [activity("action", "make it", f"touch {mark}")],
        "rollbacks": [activity("action", "remove it", f"rm -f {mark}")],
    }


def activity(kind: str, name: str, script: str) -> dict[str, object]:
    """Return an activity that runs a script of one line."""
    provider = {"type": "process", "path": "sh", "arguments": ["-c", script], "timeout": 20}
    return {"type": kind, "name": name, "provider": provider}


@pytest.mark.drawn(1)
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize(("plain_writer", "n"), [("supervisor", 5), ("worker", 12)])
def test_a_write_that_fails_keeps_no_rollback_of_a_plain_experiment_from_being_played(
    plain_writer: str, n: int, tmp_path: Path, *, for_ever: bool
) -> None:
    """Whichever it is: what the method has made is gone in the end."""
    mark, experiment = tmp_path / "mark", tmp_path / "plain.json"
    experiment.write_text(json.dumps(plain(mark)), encoding="utf-8")
    for number in range(1, n):
        broken = tmp_path / f"broken-{number}"
        broken.mkdir()
        text = BROKEN.format(writer=plain_writer, nth=number, for_ever=for_ever)
        (broken / "sitecustomize.py").write_text(text, encoding="utf-8")
        running = run(tmp_path / f"runs-{number}", str(experiment), environment={"PYTHONPATH": str(broken)})
        printed = running.printed()
        assert running.code() in {1, 3, 4}, f"{number}: {printed}"
        assert "Traceback" not in printed, f"{number}: {printed}"
        assert not mark.exists(), f"{number}: {printed}"


def recovered(running: Running) -> list[str]:
    """Let ``recover`` have room again; return the faults that are outstanding after it."""
    again = start(running.out, "recover", "--out", str(running.out))
    assert again.code() in {0, 4}, again.printed()
    return [str(record.data["id"]) for record in outstanding(read_history(running.folder))]
