"""
Two small valid files, and the edits by which the tables spoil them.

A case replaces one piece of text in one of the files, and names every problem that must be told, no more and no fewer:
``LINE KEY.PATH: MESSAGE`` (the message from its start, as far as the table gives it), with the file's name in front where the
problem shows in the other file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from gameday.experiment.loading.load import load_experiment
from gameday.experiment.loading.problems import InvalidFileError, Problem
from gameday.faults import catalogue

TOKEN = "GAMEDAY_TEST_TOKEN"  # noqa: S105 - the name of an environment variable, not a secret
SHORT = "GAMEDAY_TEST_SHORT"
"""A variable that holds a value too short for a secret."""

EXPERIMENT = """\
title: Does it hold?
description: A small experiment.
tags: [small]
system: tiny
decides: bulkhead.buy.errors
load:
  routes:
    buy: 100/s
    look: 100/s
    pulse: 100/s
  hang: 3s
phases: {warmup: 6s, baseline: 16s, fault: 20s, recovery: 14s}
steady-state-hypothesis:
  title: Shoppers are served
  probes:
    - {route: buy, p95: "< 250ms", good: "> 97%"}
    - {route: look, good: "> 97%"}
method:
  - latency: {edge: web -> stock, delay: 2s}
expect:
  bulkhead: {isolated: [buy]}
  backpressure: {routes: [look]}
  recovery: {within: 10s}
safety:
  abort: {route: buy, burn-rate: "> 10", mode: record}
"""

SYSTEM = """\
name: tiny
targets:
  local: {demo: shop}
variants:
  naive: {breaker: false}
  hardened: {breaker: true}
services:
  web: {metrics: /metrics}
  stock: {}
  pulse: {}
  cache: {kind: redis, disposable: true}
  database: {kind: postgres}
dependencies:
  - web -> stock
  - web -> cache
  - web -> database
routes:
  look:
    request: GET /look/{id}
    keys: zipf(1.0, 20)
    hard: [web]
    soft: [stock, cache, database]
  buy:
    request: POST /buy
    headers: {authorization: "Bearer ${token}"}
    body: {product: 7}
    hard: [web, database]
  pulse: {request: GET /pulse, hard: [pulse], control: true}
origins:
  database: {route: look, cache: cache, query: 500ms, single-flight: breaker}
secrets:
  token: {env: GAMEDAY_TEST_TOKEN}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One edit of one file (``old`` empty: the whole file becomes ``new``), and the problems it must give."""

    file: Literal["experiment", "system"]
    old: str
    new: str
    problems: tuple[str, ...]


def experiment(old: str, new: str, *problems: str) -> Case:
    """Edit the experiment file."""
    return Case("experiment", old, new, problems)


def system(old: str, new: str, *problems: str) -> Case:
    """Edit the system file."""
    return Case("system", old, new, problems)


def lay_out(experiments: Path, *, name: str = "small") -> None:
    """Write the experiment under a name into a folder that is not there yet, and its system where it is looked for."""
    (experiments / "systems").mkdir(parents=True)
    (experiments / "systems" / "tiny.yaml").write_text(SYSTEM, encoding="utf-8")
    (experiments / f"{name}.yaml").write_text(EXPERIMENT, encoding="utf-8")


def work_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that holds the experiment, with its secret set, as somebody who typed ``gameday``."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv(TOKEN, "hunter2-hunter2")
    monkeypatch.delenv("GAMEDAY_PROGRAM", raising=False)
    lay_out(folder / "experiments")


def problems(folder: Path, *edits: tuple[str, str], system: str = SYSTEM) -> tuple[Problem, ...]:
    """Load the small experiment with edits (old text, new text; each hits one place), and return what is wrong with it."""
    text = EXPERIMENT
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "tiny.yaml").write_text(system, encoding="utf-8")
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    try:
        load_experiment(folder / "small.yaml", catalogue(), systems=[folder], environment={TOKEN: "long enough"})
    except InvalidFileError as error:
        return error.problems
    return ()
