"""Make plain experiments on a shop, and run them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gameday.record.history import Event
from system.chaostoolkit.server import Shop
from system.running import Running, run, start

HERE = Path(__file__).parent / "experiments"
OPEN = {"type": "http", "url": "${url}/open", "method": "POST", "timeout": 3}
CLOSE = {"type": "http", "url": "${url}/close", "method": "POST", "timeout": 3}


SIGN = """
def sign(url):
    import urllib.error

    try:
        urllib.request.urlopen(url + "/health", timeout=5)
    except urllib.error.HTTPError:
        return 7  # no pattern can be tried on a number
    return "open"
"""
SHOUT = """
def shout():
    print('{"t_s": 1, "event": "error"}', flush=True)
    print("{", flush=True)
"""


def add(path: Path, function: str) -> None:
    """Add a function to the module beside an experiment."""
    module = path.parent / "shopkeeper.py"
    module.write_text(f"{module.read_text(encoding='utf-8')}\n{function}", encoding="utf-8")


def python(function: str, **arguments: object) -> dict[str, object]:
    """Return a provider that calls a function of ``shopkeeper``."""
    return {"type": "python", "module": "shopkeeper", "func": function, "arguments": arguments}


def action(name: str, provider: dict[str, object], **more: object) -> dict[str, object]:
    """Return an action."""
    return {"type": "action", "name": name, "provider": provider, **more}


def experiment(folder: Path, further: list[dict[str, object]], **more: object) -> Path:
    """Write an experiment that closes the shop and, as its rollback, opens it again; the provider's module stands beside it."""
    value = {
        "title": "Does it end well?",
        "description": "Made up by a test.",
        "configuration": {"url": {"type": "env", "key": "SHOP_URL"}},
        "method": [action("closes", CLOSE), *further],
        "rollbacks": [action("opens again", OPEN)],
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shopkeeper.py").write_text((HERE / "shopkeeper.py").read_text(encoding="utf-8"), encoding="utf-8")
    path = folder / "made-up.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def begin(tmp_path: Path, path: Path, shop: Shop) -> Running:
    """Start a run."""
    out = tmp_path / "runs"
    return start(out, "run", str(path), "--out", str(out), environment={"SHOP_URL": shop.url})


def finish(tmp_path: Path, path: Path, shop: Shop) -> Running:
    """Run to the end."""
    return run(tmp_path / "runs", str(path), environment={"SHOP_URL": shop.url})


def report(running: Running) -> dict[str, Any]:
    """Return the report for machines."""
    return dict(json.loads((running.folder / "report.json").read_text(encoding="utf-8")))


def worker(running: Running) -> int:
    """Wait until the shop is closed, and return the worker's process id."""
    running.wait_for(Event.ACTIVITY_STARTED)
    started = running.wait_for(Event.PROCESS_STARTED)
    return int(str(started.data["pid"]))
