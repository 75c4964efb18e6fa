"""Run chaos experiments from one declarative file and judge what they showed."""
