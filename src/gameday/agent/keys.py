"""Count the keys of a Redis, or remove them, in one step for the server."""

from __future__ import annotations

import re

_ALL = """
local before = redis.call('DBSIZE')
if ARGV[2] == 'empty' then redis.call('FLUSHALL') end
return {before, redis.call('DBSIZE')}
"""
_BY_PREFIX = """
local keys = redis.call('KEYS', ARGV[1])
if ARGV[2] == 'empty' then for _, key in ipairs(keys) do redis.call('UNLINK', key) end end
return {#keys, #redis.call('KEYS', ARGV[1])}
"""


def script(prefix: str | None) -> tuple[str, str]:
    """
    Return a script and its first argument: the pattern of the keys, all of them when ``prefix`` is None.

    Its second argument is "count" or "empty"; it answers how many there were before, and how many there are after.
    """
    pattern = re.sub(r"([*?\[\]^\\-])", r"\\\1", prefix or "") + "*"
    return (_ALL if prefix is None else _BY_PREFIX, pattern)
