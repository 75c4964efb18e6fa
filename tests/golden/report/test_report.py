"""The reports of four known runs, byte for byte; ``pytest tests/golden --renew`` writes them anew, to be read in the diff."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.report.as_json import to_json
from gameday.report.ending import ending, next_step
from gameday.report.html import html
from gameday.report.junit import junit
from gameday.report.markdown import markdown
from unit.report.analyses import CASES, Case

HERE = Path(__file__).parent
TESTS = HERE.parents[1]


def _html(case: Case) -> str:
    return html(case.analysis, case.plan, case.about)


def _markdown(case: Case) -> str:
    return markdown(case.analysis, case.plan, case.about)


def _json(case: Case) -> str:
    return to_json(case.analysis, case.plan, case.about)


def _junit(case: Case) -> str:
    return junit(case.analysis, case.plan, case.about)


def _console(case: Case) -> str:
    hint = next_step(case.analysis, case.plan)
    link = "file:///srv/reports/20261120-174546/report.html"
    lines = ending(case.analysis, case.plan, Path("reports/20261120-174546"), hint, link=link, width=80)
    return "".join(f"{line.text}\n" for line in lines)


FORMS: dict[str, Callable[[Case], str]] = {
    "html": _html,
    "md": _markdown,
    "json": _json,
    "xml": _junit,
    "txt": _console,
}
LARGE = ("html", "json", "xml")
FILES = [f"{name}.{form}" for name in CASES for form in FORMS if form not in LARGE or name in {"failed", "passed"}]


def rendered(file: str) -> str:
    """Render what a golden file holds."""
    name, form = file.split(".")
    return FORMS[form](CASES[name]())


@pytest.mark.parametrize("file", FILES)
def test_a_known_run_gives_the_known_report(file: str, request: pytest.FixtureRequest) -> None:
    """A change of the reports is seen by whoever reads the change."""
    path = HERE / file
    text = rendered(file)
    if request.config.getoption("--renew"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_a_report_is_the_same_in_another_process_time_zone_and_hash_seed() -> None:
    """Whoever rebuilds a report, anywhere, gets the same bytes."""
    program = (
        "import sys\n"
        "from golden.report.test_report import FILES, rendered\n"
        "sys.stdout.buffer.write('\\f'.join(rendered(file) for file in FILES).encode())\n"
    )
    found = []
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    for zone, seed in (("Asia/Tokyo", "1"), ("America/St_Johns", "2")):
        environ = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "PYTHONPATH": path, "LC_ALL": "C"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, check=True, timeout=120
        )
        found.append(done.stdout.decode())
    assert found[0] == found[1] == "\f".join(rendered(file) for file in FILES)
