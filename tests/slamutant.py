"""``python -m slamutant TEST...``: properties of the engine on the path; exit code 1 where one does not hold."""

import importlib.util
import sys
from pathlib import Path

import slalab
from hypothesis import Phase, settings

import sla

TESTS = Path(__file__).parent / "sla" / "test_machine.py"


def main(names: list[str]) -> int:
    """Runs the property tests named without shrinking, the same cases each time."""
    print("testing", Path(sla.__file__).parent.parent, flush=True)  # noqa: T201 - the caller reads it
    slalab.MANY = slalab.SOME = settings(
        max_examples=250,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    spec = importlib.util.spec_from_file_location("test_machine", TESTS)
    assert spec is not None
    assert spec.loader is not None
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    for name in names:
        try:
            getattr(tests, name)()
        except Exception as error:  # noqa: BLE001 - whatever it is, the mutant was noticed
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
