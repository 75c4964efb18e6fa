"""A control that asks a person gets the terminal, or what it guards does not run."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from gameday.agent.waiting import readable
from system.chaostoolkit.making import experiment, finish
from system.chaostoolkit.server import serving

pytestmark = pytest.mark.system

ASKING = """
import click
from chaoslib.exceptions import InterruptExecution


def before_activity_control(context, **_):
    if context["name"] == "closes" and not click.confirm("really?"):
        raise InterruptExecution("no")
"""


def asking(tmp_path: Path, control: str) -> Path:
    """Write an experiment with a control that asks a person before the shop is closed."""
    path = experiment(tmp_path, [], controls=[{"name": "asking", "provider": {"type": "python", "module": "asking"}}])
    (tmp_path / "asking.py").write_text(control, encoding="utf-8")
    return path


def test_without_a_terminal_an_experiment_that_asks_is_refused(tmp_path: Path) -> None:
    """Chaos Toolkit passes over a control that fails, and would close the shop."""
    path = asking(tmp_path, ASKING)
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.asked == []
    assert running.code() == 2, running.printed()
    assert "click.confirm in asking.py:7" in running.printed()


@pytest.mark.parametrize(
    "how", ["input()", "sys.stdin.readline()", "getpass.getpass()", "click.confirm('?', abort=True)"]
)
def test_a_question_that_was_not_foreseen_and_gets_no_answer_ends_the_experiment(tmp_path: Path, how: str) -> None:
    """Here it is asked by another module; the action that it guards does not run."""
    path = asking(tmp_path, "import elsewhere\n\n\ndef before_activity_control(context, **_):\n    elsewhere.ask()\n")
    module = f"import sys, getpass, click\n\n\ndef ask():\n    {how}\n"
    (tmp_path / "elsewhere.py").write_text(module, encoding="utf-8")
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert "POST /close" not in shop.asked
    assert running.code() in {3, 4}, running.printed()


@pytest.mark.parametrize(("answer", "closed"), [("y", True), ("n", False)])
def test_in_a_terminal_the_question_is_asked(tmp_path: Path, answer: str, *, closed: bool) -> None:
    """The worker has no terminal of its own; it reads and writes that of gameday."""
    path = asking(tmp_path, ASKING)
    with serving() as shop:
        terminal, other_end = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "gameday.cli", "run", str(path), "--out", str(tmp_path / "runs")],
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            env={**os.environ, "SHOP_URL": shop.url},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - it takes no lock
        )
        os.close(other_end)
        seen = ""
        while text := _next(terminal):
            seen += text
            if seen.endswith("[y/N]: "):
                os.write(terminal, f"{answer}\n".encode())
        process.wait(60)
        os.close(terminal)
        assert ("POST /close" in shop.asked) == closed, seen
    assert "really?" in seen


def _next(terminal: int) -> str:
    """Return what a terminal shows next; nothing when its program has ended."""
    assert readable(terminal, 60), "nothing for a minute"
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        return ""
