"""The house keeps its arrows: who may import whom, and who alone may import what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gameday"

MAY_IMPORT = {
    "experiment": set[str](),
    "record": {"experiment", "agent"},
    "agent": set[str](),
    "demo": {"agent"},
    "targets": {"experiment", "record", "agent", "demo"},
    "faults": {"experiment", "targets"},
    "load": {"experiment", "record", "agent"},
    "analysis": {"experiment", "record"},
    "report": {"experiment", "record", "analysis", "runner"},
    "runner": {"experiment", "record", "agent", "targets", "faults", "load", "analysis"},
    "cli": {"experiment", "record", "agent", "targets", "faults", "load", "analysis", "report", "runner"},
}
"""Room -> the rooms it may import; ARCHITECTURE.md draws the same arrows."""

BORDERS = {
    "chaoslib": (
        "runner/guard.py",
        "runner/worker.py",
        "runner/exported.py",
        "runner/foreign/book.py",
        "runner/foreign/controls.py",
        "runner/foreign/inspection.py",
        "runner/foreign/one.py",
        "runner/foreign/proofs.py",
        "runner/foreign/recorder.py",
        "runner/foreign/rollbacks.py",
        "runner/foreign/watchdog.py",
        "runner/foreign/worker.py",
    ),
    "cryptography": ("agent/proof.py",),
    "kubernetes": ("targets/kubernetes/",),
    "chaosk8s": ("targets/kubernetes/",),
    "yaml": ("experiment/loading/", "targets/kubernetes/manifests"),
    "rich": ("cli/", "report/console"),
    "locust": ("load/child/",),
    "gevent": ("load/child/",),
    "geventhttpclient": ("load/child/",),
    "redis": ("demo/", "targets/local/"),
    "asyncpg": ("demo/", "targets/local/"),
    "aiohttp": ("demo/", "targets/local/"),
}
"""Library -> the places that alone may import it."""

PURE = ("experiment/", "analysis/", "report/")
IMPURE_PLACES = ("experiment/loading/", "report/console")
IMPURE = {"time", "os", "socket", "subprocess", "threading", "asyncio", "tempfile", "secrets", "shutil"}
MOST_LINES = 400


def files() -> Iterator[tuple[str, ast.Module]]:
    """Yield every source file's path within the package, and its syntax tree."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            if node.module == "gameday":
                yield from (f"gameday.{alias.name}" for alias in node.names)


def test_every_room_imports_only_the_rooms_below_it() -> None:
    """No arrow turns back."""
    wrong = []
    for path, tree in files():
        if "/" not in path:
            continue
        room = path.split("/")[0]
        for name in imports(tree):
            parts = name.split(".")
            if parts[0] == "gameday" and len(parts) > 1 and parts[1] not in {room, *MAY_IMPORT[room]}:
                wrong.append(f"{path} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("library", sorted(BORDERS))
def test_a_library_is_imported_only_at_its_border(library: str) -> None:
    """Third-party exceptions and slow imports stay in one place."""
    wrong = [
        path
        for path, tree in files()
        if any(name.split(".")[0] == library for name in imports(tree)) and not path.startswith(BORDERS[library])
    ]
    assert wrong == []


def test_pure_rooms_import_nothing_impure() -> None:
    """What is declared, judged and rendered needs no clock, file, process or socket."""
    wrong = [
        f"{path} imports {name}"
        for path, tree in files()
        if path.startswith(PURE) and not path.startswith(IMPURE_PLACES)
        for name in imports(tree)
        if name.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_only_the_command_line_prints() -> None:
    """A print elsewhere is a protocol between processes and says so."""
    wrong = []
    for path, tree in files():
        if path.startswith(("cli/", "report/console")):
            continue
        lines = (SOURCE / path).read_text(encoding="utf-8").splitlines()
        wrong += [
            f"{path}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            and "T201" not in lines[node.lineno - 1]
        ]
    assert wrong == []


def test_files_stay_short() -> None:
    """A file has one subject."""
    assert [path for path, _ in files() if len((SOURCE / path).read_text().splitlines()) > MOST_LINES] == []


def test_functions_stay_short() -> None:
    """A function does one thing."""
    wrong = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert wrong == []


SHOPS_METRICS = re.compile(
    r"\b(http_requests_total|http_request_duration_seconds|http_requests_in_flight|rejected_total|pool_(in_flight|limit|waiting)"
    r"|dependency_request(s_total|_duration_seconds)|breaker_state|cache_(hits|misses|shared)_total|cache_keys\"|origin_in_flight"
    r"|database_(origin_queries_total|connections(_limit)?))"
    r"|_?origin_queries_total|cache_\{\w+\}_total|\}_(keys|connections)"
)
"""What the demo publishes; the name of a method or a variable is none of them."""
KNOW_METRICS = ("demo/", "experiment/presets.py")


def test_only_the_demo_and_the_presets_know_names_of_metrics() -> None:
    """What is read of a page, a system file says: the demo's is one of many."""
    wrong = [
        f"{path}:{number} {found[0]}"
        for path, _ in files()
        if not path.startswith(KNOW_METRICS)
        for number, line in enumerate((SOURCE / path).read_text(encoding="utf-8").splitlines(), 1)
        if (found := SHOPS_METRICS.search(line))
    ]
    assert wrong == []
