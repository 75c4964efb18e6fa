"""Where a system runs; the Target protocol and its implementations."""
