"""The rules that a machine can hold: arrows between packages, sizes, harmless imports, honest tests."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("exporter", "sla", "simulator")

BANNED_IN_TESTS = {
    "MagicMock": "hand in a small class of your own",
    "mock.patch": "hand in what the code needs",
    'monkeypatch.setattr("exporter': "hand in what the code needs",
    'monkeypatch.setattr("sla': "hand in what the code needs",
    'monkeypatch.setattr("simulator': "hand in what the code needs",
    "time.sleep(": "wait for the event itself",
    "assert True": "assert what was promised",
}

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys, threading, prometheus_client
before = sorted(prometheus_client.REGISTRY._names_to_collectors)
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages([package], package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
assert threading.active_count() == 1, threading.enumerate()
assert sorted(prometheus_client.REGISTRY._names_to_collectors) == before
"""


def sources(*folders: str) -> Iterator[Path]:
    """Every Python file below these folders of the repository."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def run(*command: str | Path) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100, check=False
    )
    return done.returncode, done.stdout


def test_arrows_point_down() -> None:
    """Every import contract of pyproject.toml is kept."""
    code, output = run(Path(sys.executable).parent / "lint-imports", "--no-cache")
    assert code == 0, output


def test_importing_a_module_does_nothing() -> None:
    """Importing every module starts no thread, registers no metric and prints not a word."""
    code, output = run(sys.executable, "-W", "error", "-c", IMPORT_EVERYTHING, *PACKAGES)
    assert (code, output) == (0, ""), output


def test_modules_can_be_read_in_one_sitting() -> None:
    """No module has more than 400 lines."""
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*PACKAGES)
    }
    assert {str(path): lines for path, lines in lengths.items() if lines > 400} == {}


def test_functions_fit_on_a_screen() -> None:
    """No function has more than 40 lines, from ``def`` to its last line."""
    assert [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {function.end_lineno - function.lineno + 1} lines"
        for path in sources(*PACKAGES)
        for function in functions(path)
        if function.end_lineno is not None and function.end_lineno - function.lineno >= 40
    ] == []


def test_every_test_says_what_it_promises() -> None:
    """Every test function has a docstring."""
    assert [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in sources("tests")
        for function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ] == []


def test_tests_are_honest() -> None:
    """No test replaces our own parts by a mock, sleeps instead of waiting, or asserts nothing."""
    assert [
        f"{path.relative_to(ROOT)}: {word!r}: {instead}"
        for path in sources("tests")
        if path != Path(__file__) and path.name.startswith("test_")  # helpers wait for, and load, other programs
        for word, instead in BANNED_IN_TESTS.items()
        if word in path.read_text(encoding="utf-8")
    ] == []


def test_every_dependency_is_accounted_for() -> None:
    """docs/dependencies.md names every package that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in wanted}
    words = set(re.findall(r"[\w.-]+", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")))
    assert names - words == set()
