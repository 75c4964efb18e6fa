"""
Ten sound Chaos Toolkit experiments, as different as people's own are, and the modules that lie beside them.

Whatever of one is run touches the file ``touched`` in the working folder, so that a run that should not have begun is seen.
"""

from __future__ import annotations

HELPERS = '''
"""Activities, tolerances and values."""
import pathlib


def touch(name="touched", times=1, secrets=None, configuration=None):
    """Leave a trace."""
    pathlib.Path(name).touch()
    return times


def is_even(value):
    """Accept even numbers."""
    pathlib.Path("touched").touch()
    return value % 2 == 0


VALUE = 3
'''
WATCHING = '''
"""A control."""
import pathlib


def before_activity_control(context, **_):
    """Leave a trace."""
    pathlib.Path("touched").touch()
'''
MODULES = {
    "helpers.py": HELPERS,
    "watching.py": WATCHING,
    "idle.py": '"""No control at all."""\n',
    "breaks.py": '"""It cannot be imported."""\nraise RuntimeError("no such luck")\n',
    "leaves.py": '"""It ends whoever imports it."""\nimport sys\n\nsys.exit(3)\n',
    "torn.py": '"""It is no Python."""\ndef :\n',
}
ENVIRONMENT = {"SHOP_URL": "http://127.0.0.1:9", "SHOP_TOKEN": "let-me-in-please", "SHOP_TRIES": "3"}

SOUND = {
    "http.yaml": """\
title: Is the shop open?
description: Requests only.
configuration:
  url:
    type: env
    key: SHOP_URL
steady-state-hypothesis:
  title: It is open
  probes:
    - type: probe
      name: open
      tolerance: 200
      provider:
        type: http
        url: ${url}/health
        timeout: 3
method:
  - type: action
    name: closes
    provider:
      type: http
      url: ${url}/close
      method: POST
      headers: {Accept: application/json}
      arguments: {reason: "${url}"}
      timeout: [3, 3]
    proof:
      tolerance: 503
      provider:
        type: http
        url: ${url}/health
rollbacks:
  - type: action
    name: opens
    provider:
      type: http
      url: ${url}/open
""",
    "process.json": """\
{
  "title": "What do programs say?",
  "description": "Processes only.",
  "steady-state-hypothesis": {
    "title": "The shell works",
    "probes": [
      {
        "type": "probe",
        "name": "true",
        "tolerance": 0,
        "provider": {"type": "process", "path": "true", "timeout": 5}
      },
      {
        "type": "probe",
        "name": "echo",
        "tolerance": {"type": "regex", "pattern": "^yes", "target": "stdout"},
        "provider": {"type": "process", "path": "echo", "arguments": ["yes"]}
      }
    ]
  },
  "method": [
    {
      "type": "action",
      "name": "touches",
      "timeout": 5,
      "provider": {
        "type": "process",
        "path": "touch",
        "arguments": "touched"
      }
    }
  ],
  "rollbacks": [
    {
      "type": "action",
      "name": "removes",
      "provider": {"type": "process", "path": "rm", "arguments": {"-f": "touched"}}
    }
  ]
}
""",
    "python.yaml": """\
title: What do functions return?
description: Python only.
tags: [python]
steady-state-hypothesis:
  title: It counts
  probes:
    - type: probe
      name: counts
      tolerance: 1
      provider: {type: python, module: helpers, func: touch}
method:
  - type: action
    name: touches
    provider:
      type: python
      module: helpers
      func: touch
      arguments:
        name: touched
        times: 2
  - type: probe
    name: counts again
    tolerance: [1, 3]
    provider:
      type: python
      module: helpers
      func: touch
rollbacks:
  - type: action
    name: tidies
    provider:
      type: python
      module: helpers
      func: touch
""",
    "controls.yaml": """\
title: Who watches?
description: Controls at each level.
controls:
  - name: watching
    provider:
      type: python
      module: watching
steady-state-hypothesis:
  title: It runs
  controls:
    - name: watching the hypothesis
      scope: before
      provider: {type: python, module: watching}
  probes:
    - type: probe
      name: runs
      tolerance: 0
      provider: {type: process, path: "true"}
method:
  - type: action
    name: touches
    controls:
      - name: watching the action
        automatic: false
        scope: after
        provider:
          type: python
          module: watching
    provider: {type: process, path: touch, arguments: [touched]}
""",
    "secrets.json": """\
{
  "title": "Who may come in?",
  "description": "Secrets of each kind.",
  "configuration": {"where": "here"},
  "secrets": {
    "keeper": {
      "token": {"type": "env", "key": "SHOP_TOKEN"},
      "word": "open-sesame"
    },
    "spare": {"key": "under-the-mat"}
  },
  "method": [
    {
      "type": "action",
      "name": "comes in",
      "provider": {
        "type": "python",
        "module": "helpers",
        "func": "touch",
        "secrets": ["keeper"],
        "arguments": {"name": "${word}"}
      }
    },
    {
      "type": "action",
      "name": "knocks",
      "provider": {
        "type": "http",
        "url": "http://127.0.0.1:9/${where}",
        "headers": {"Authorization": "${token}"}
      }
    }
  ],
  "rollbacks": []
}
""",
    "dynamic.yaml": """\
title: Does ${who} come in?
description: Values from everywhere.
configuration:
  who: anybody
  tries:
    type: env
    key: SHOP_TRIES
    env_var_type: int
  often: {type: env, key: SHOP_OFTEN, default: "2", env_var_type: int}
  found:
    type: probe
    name: finds out
    provider:
      type: python
      module: helpers
      func: touch
      arguments: {times: 4}
steady-state-hypothesis:
  title: Values are what they are
  probes:
    - type: probe
      name: tries
      tolerance: "${who}"
      provider: {type: python, module: helpers, func: touch, arguments: {times: "${tries}"}}
method:
  - type: action
    name: waits
    pauses:
      before: "${often}"
      after: 0
    provider: {type: process, path: sh, arguments: ["-c", "touch touched; echo ${HOME} ${found}"]}
""",
    "runtime.yaml": """\
title: How is it run?
description: Strategies, background and pauses.
runtime:
  hypothesis:
    strategy: continuously
  rollbacks:
    strategy: always
steady-state-hypothesis:
  title: It runs
  probes:
    - {type: probe, name: runs, tolerance: 0, provider: {type: process, path: "true", timeout: 2}}
method:
  - type: action
    name: touches
    background: true
    timeout: 9
    pauses: {before: 0, after: 0.1}
    provider: {type: process, path: touch, arguments: [touched]}
  - type: action
    name: touches again
    tolerance: 0
    provider: {type: process, path: touch, arguments: [touched]}
rollbacks:
  - type: action
    name: removes
    background: false
    provider: {type: process, path: rm, arguments: [-f, touched]}
""",
    "tolerances.yaml": """\
title: What is accepted?
description: A tolerance of each kind.
steady-state-hypothesis:
  title: All is as it should be
  probes:
    - {type: probe, name: truth, tolerance: true, provider: &touch {type: python, module: helpers, func: touch}}
    - {type: probe, name: word, tolerance: fine, provider: *touch}
    - {type: probe, name: pair, tolerance: [1, 3], provider: *touch}
    - type: probe
      name: range
      tolerance:
        type: range
        range: [0.5, 1.5]
        target: status
      provider: *touch
    - type: probe
      name: pattern
      tolerance:
        type: regex
        pattern: "^[a-z]+$"
      provider: *touch
    - type: probe
      name: another probe
      tolerance:
        type: probe
        name: even
        provider:
          type: python
          module: helpers
          func: is_even
          arguments: {value: 0}
      provider: *touch
method:
  - type: probe
    name: looks
    tolerance: {type: range, range: [0, 9]}
    provider: *touch
""",
    "flow.yml": """\
{title: All in one line, description: Flow style with anchors,
 owner: somebody,
 x-activity: &action {type: action, provider: {type: process, path: touch, arguments: [touched]}},
 steady-state-hypothesis: {title: It runs, notes: our own, probes: [
   {type: probe, name: runs, tolerance: 0, reason: our own, provider: {type: process, path: "true"}}]},
 method: [
   {<<: *action, name: one},
   {<<: *action,
    name: two}],
 rollbacks: [
   {<<: *action, name: back}]}
""",
    "refs.json": """\
{
\t"version": "1.0.0",
\t"title": "Who is meant?",
\t"description": "References, tags and extensions, indented by tabs.",
\t"tags": ["a", "b"],
\t"contributions": {"reliability": "high"},
\t"extensions": [{"name": "ours", "anything": true}],
\t"steady-state-hypothesis": {
\t\t"title": "It runs",
\t\t"probes": [
\t\t\t{"type": "probe", "name": "runs", "tolerance": 0, "provider": {"type": "process", "path": "true"}}
\t\t]
\t},
\t"method": [
\t\t{"type": "action", "name": "touches", "provider": {"type": "process", "path": "touch", "arguments": "touched"}},
\t\t{"ref": "runs"}
\t],
\t"rollbacks": [
\t\t{"ref": "touches"}
\t]
}
""",
}
