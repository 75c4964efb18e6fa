"""``gameday schema``: the JSON Schema of a kind of file."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping

from gameday.cli.exits import Exit
from gameday.experiment.schema import Node, experiment_schema, suite_schema, system_schema, to_text
from gameday.faults import catalogue

_SCHEMAS: Mapping[str, Callable[[], Node]] = {
    "experiment": lambda: experiment_schema(catalogue()),
    "system": system_schema,
    "suite": suite_schema,
}


def run(args: Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(to_text(_SCHEMAS[args.kind]()))
    return Exit.PASSED
