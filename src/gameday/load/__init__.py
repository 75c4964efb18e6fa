"""The load session: starts Locust in its own process tree and follows it."""
