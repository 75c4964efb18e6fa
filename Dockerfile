# gameday:dev (the shop's services and the agent) and, as a target of its own, gameday-load:dev (the load's workers).

FROM python:3.13-slim AS packages
WORKDIR /build
COPY pyproject.toml .
# Only what the demo system and the agent import; the versions are the package's own.
RUN python -c "import re, tomllib; wanted = {'aiohttp', 'asyncpg', 'redis', 'prometheus-client'}; \
      every = tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']; \
      print(*(each for each in every if re.split(r'[<>=\[;]', each)[0] in wanted), sep='\n')" >requirements.txt \
 && python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --no-compile -r requirements.txt

FROM packages AS load-packages
RUN python -c "import re, tomllib; wanted = {'locust', 'numpy', 'pydantic', 'pyyaml', 'psutil'}; \
      every = tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']; \
      print(*(each for each in every if re.split(r'[<>=\[;]', each)[0] in wanted), sep='\n')" >load.txt \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile -r load.txt

FROM python:3.13-slim AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/gameday PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /opt/gameday

FROM base AS load
COPY --from=load-packages /opt/venv /opt/venv
COPY src/gameday /opt/gameday/gameday

FROM base AS shop
USER root
# The agent's redirects are nftables rules.
RUN apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=packages /opt/venv /opt/venv
COPY src/gameday/__init__.py /opt/gameday/gameday/__init__.py
COPY src/gameday/agent /opt/gameday/gameday/agent
COPY src/gameday/demo /opt/gameday/gameday/demo
