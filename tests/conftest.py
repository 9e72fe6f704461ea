"""Fixtures for every test: the simulated vCenters, and whole-output comparison with committed files."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from vcsimulator import Vcsim, start

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` rewrites the committed outputs instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from the actual output")
    words = "divide the durations of rules and configurations by this; 1 takes half an hour"
    parser.addoption("--faults-factor", type=float, default=20.0, help=words)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """What a command sets up for its log lines ends with the test: the next may look at them itself."""
    named = [logging.getLogger(), *map(logging.getLogger, ("aiohttp.access", "apscheduler", "aio_pika", "aiormq"))]
    before = [(logger, logger.handlers.copy(), logger.level) for logger in named]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture(scope="session")
def vcsim_classic() -> Iterator[Vcsim]:
    """A small vCenter whose PerformanceManager keeps to the API reference. A test that changes it starts its own."""
    with start("classic", "-strict", "-pool", "1") as vcsim:
        yield vcsim


@pytest.fixture(scope="session")
def vcsim_current() -> Iterator[Vcsim]:
    """A small vCenter as govmomi's newest release simulates it. A test that changes it starts its own."""
    with start("current", "-pool", "1") as vcsim:
        yield vcsim


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)``: the whole text equals tests/golden/<name>."""
    update = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run `make golden` and read what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare
