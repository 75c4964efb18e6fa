"""The tutorial's own commands, on a system that is not the shop: looked at, validated, planned, run, and gone."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from cluster.standing import CONTEXT, ROOT, Stands, kubectl

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
LIMITS_S: Mapping[str, float] = {"run": 180.0, "kind": 240.0}
"""How long a command may take, by its first or second word; any other, the usual time."""
USUAL_S = 130.0
TRIES = 3


def commands(step: int) -> list[list[str]]:
    """Return the commands of a step of the tutorial."""
    section = re.split(r"^## ", TUTORIAL, flags=re.MULTILINE)[step]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()]


def call(words: list[str], folder: Path, stands: Stands, *, codes: Collection[int] = (0,)) -> str:
    """Type a command of the tutorial, as whoever may make namespaces: gameday in an empty folder, anything else at the repository's root."""
    ours = words[0] == "gameday"
    typed = [sys.executable, "-m", "gameday.cli", *words[1:]] if ours else words
    limit_s = LIMITS_S.get(words[1] if ours else words[0], USUAL_S)
    done = subprocess.run(
        typed,
        cwd=folder if ours else ROOT,
        env=stands.admin_environment(),
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    assert done.returncode in codes, f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def guestbook(tmp_path: Path, stands: Stands) -> Iterator[Path]:
    """Deploy the tutorial's system; return an empty folder to work in."""
    try:
        for words in commands(1):
            call(words, tmp_path, stands)
        yield tmp_path
    finally:
        for words in commands(6):
            call(words, tmp_path, stands)


def test_the_tutorial_ends_in_a_run_that_is_judged(guestbook: Path, stands: Stands) -> None:
    """Init, validate, plan and run, as they stand there; a run that a machine busy besides left undecided is repeated."""
    for step in (2, 3):
        for words in commands(step):
            call(words, guestbook, stands)
    written = guestbook / "experiments" / "systems" / "guestbook.yaml"
    assert "soft: [memory]" in written.read_text(encoding="utf-8")
    (run,) = commands(4)
    for _ in range(TRIES):
        call(run, guestbook, stands, codes=(0, 3))
        report = json.loads((guestbook / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
        if report["verdict"] == "pass":
            break
    assert [check["id"] for check in report["checks"] if check["status"] == "fail"] == []
    assert {"gate.fault-proven": "pass", "gate.rows": "pass"}.items() <= {
        gate["id"]: gate["status"] for gate in report["gates"]
    }.items()
    assert "nothing is overwritten" in call(commands(2)[0], guestbook, stands, codes=(2,))


@pytest.fixture
def odd(stands: Stands) -> Iterator[str]:
    """Apply workloads that are easily misread; return their namespace."""
    name = f"odd-{secrets.token_hex(3)}"
    text = (Path(__file__).parent / "manifests" / "odd.yaml").read_text(encoding="utf-8").replace("NAMESPACE", name)
    kubectl(stands, "create", "namespace", name)
    try:
        kubectl(stands, "--namespace", name, "apply", "--filename", "-", given=text)
        yield name
    finally:
        kubectl(stands, "delete", "namespace", name, "--wait=false")


def test_init_reads_what_is_easily_misread(odd: str, tmp_path: Path, stands: Stands) -> None:
    """Ports by name, a page of metrics beside them, a store behind a headless Service, what crashes, and what is left out."""
    until_s = time.monotonic() + 60
    while "CrashLoopBackOff" not in kubectl(stands, "--namespace", odd, "get", "pods") and time.monotonic() < until_s:
        time.sleep(1)
    told = call(["gameday", "init", "--context", CONTEXT, "--namespace", odd], tmp_path, stands)
    text = (tmp_path / "experiments" / "systems" / f"{odd}.yaml").read_text(encoding="utf-8")
    node_port = kubectl(
        stands,
        "--namespace",
        odd,
        "get",
        "service",
        "front",
        "--output",
        'jsonpath={.spec.ports[?(@.name=="http")].nodePort}',
    )
    assert "front: {port: 9898, metrics: /stats, metrics-port: 9797}" in text
    assert f":{node_port}" in text
    assert "front -> store" in text
    assert "pages -> store" in text
    assert "pages -> front" not in text  # it is a word of its own command
    assert (
        "container app waits: CrashLoopBackOff (exit code 7)" in told
        or "container app ended: Error (exit code 7)" in told
    )
    assert "ConfigMap more" in told
    assert "CronJobs are left out: nightly" in told
    for lack in ("one replica", "no readiness probe", "no memory limit", "no disruption budget"):
        assert lack in told
