"""Execution: supervisor, worker (chaoslib), safety and recovery."""
