# gameday:dev (the shop's services and the agent) and gameday-load:dev (the load's workers); the folder to build from holds what of the package is in each.
# A builder that is not BuildKit builds every stage up to the one that is asked for, so each stage builds from the folder of either.

# Where a registry is at hand, name the base by its digest: --build-arg PYTHON=python:3.13-slim@sha256:...
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS packages
WORKDIR /build
RUN python -m venv /opt/venv
# Only what the demo system and the agent import, pinned with hashes.
COPY requirements/shop.txt .
RUN /opt/venv/bin/pip install --no-cache-dir --no-compile --require-hashes -r shop.txt

FROM ${PYTHON} AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/gameday PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /opt/gameday

FROM base AS shop
USER root
# The agent's redirects are nftables rules.
RUN apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=packages /opt/venv /opt/venv
COPY src/gameday /opt/gameday/gameday

FROM packages AS load-packages
COPY requirements/load.txt .
RUN /opt/venv/bin/pip install --no-cache-dir --no-compile --require-hashes -r load.txt

FROM base AS load
COPY --from=load-packages /opt/venv /opt/venv
COPY src/gameday /opt/gameday/gameday
