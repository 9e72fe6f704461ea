# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY sla sla
COPY simulator simulator
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels novacenter \
    && install -d -o 65532 -g 65532 /var/lib/novacenter
USER 65532:65532
VOLUME /var/lib/novacenter
EXPOSE 9272
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9272/-/healthy', timeout=4)"]
# The configuration must say `listen: 0.0.0.0:9272` for others to reach it.
ENTRYPOINT ["novacenter"]
CMD ["run", "--config", "/etc/novacenter/novacenter.yml"]
