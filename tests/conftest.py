"""Fixtures for every test: the simulated vCenters, and whole-output comparison with committed files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from vcsimulator import Vcsim, start

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` rewrites the committed outputs instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from the actual output")


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
