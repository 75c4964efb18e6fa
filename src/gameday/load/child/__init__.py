"""The load process: the only code that imports Locust and gevent. Started as ``python -m gameday.load.child``."""
