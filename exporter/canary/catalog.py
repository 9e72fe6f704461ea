"""The metric families of the canary gate: the only list of them. ``families`` makes their rows.

They are of the run that was started last, and stay until the next one begins.
"""

from exporter.model import Family

_SOURCE = "the newest canary run"


def _gauge(name: str, text: str) -> Family:
    unit = name.rpartition("_")[2]
    return Family(f"canary_{name}", "gauge", text, unit if unit in {"seconds", "ratio"} else "", _SOURCE)


PHASE = _gauge("phase", "1 for the phase that the run is in, 0 for the others.")
DAY = _gauge("day", "Day of the run, counted from 1, valid or not.")
VALID_DAYS = _gauge("valid_days", "Days that count so far, of seven or what the specification says.")
COVERAGE = _gauge("coverage_ratio", "Share of the newest judged day that was seen of the units of an arm, the least.")
CHECK_STATE = _gauge("check_state", "1 for the state that a check is in, 0 for the others.")
CHECK_VALUE = _gauge("check_value", "What was measured on an arm; the unit is that of the check.")
CHECK_MARGIN = _gauge(
    "check_margin", "By how much, of a ratio by which factor, canaries may be worse; the unit is that of the check."
)
CHECK_LIMIT = _gauge("check_limit", "What a target or guard allows; the unit is that of the check.")
DEADLINE = _gauge("deadline_timestamp_seconds", "When the run ends at the latest.")
SHARE = _gauge("workload_share_ratio", "Share that the canaries have of all units that there are now, by their size.")
JUDGED = _gauge("last_judgement_timestamp_seconds", "When the run was last judged.")


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    found = [entry for entry in globals().values() if isinstance(entry, Family)]
    return tuple(sorted(found, key=lambda family: family.name))
