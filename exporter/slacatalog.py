"""The metric families of incidents and their timers: the only list of them. ``slafamilies`` makes their rows.

Counters and histograms follow from the log and the daily sums in the store, so that they go on after a restart; those
of the evaluator itself (errors of the store, refused writes) begin anew.
"""

from exporter.model import Family

_LOG = "the log of the SLA engine"
_EVALUATOR = "the SLA evaluator"
_SUMS = "the daily sums of the SLA evaluator"


def _gauge(name: str, text: str, source: str = _LOG) -> Family:
    unit = name.rpartition("_")[2]
    return Family(f"sla_{name}", "gauge", text, unit if unit in {"seconds", "ratio"} else "", source)


def _counter(name: str, text: str, source: str = _LOG) -> Family:
    return Family(f"sla_{name}_total", "counter", text, "seconds" if name.endswith("_seconds") else "", source)


def _histogram(name: str, text: str) -> Family:
    return Family(f"sla_{name}_seconds", "histogram", text, "seconds", _LOG)


INCIDENT = Family(
    "sla_incident_info",
    "info",
    "An incident that is not over, or has been for less than a day; 1. Of more than 1000 the most consumed.",
    source=_LOG,
)
OPEN = _gauge("incidents_open", "Incidents that are not over, by class and state; suspect is none yet.")
CONSUMED = _gauge(
    "timer_consumed_ratio", "Share of its limit that a timer which is not stopped has reached; above 1 after a breach."
)
DEADLINE = _gauge(
    "timer_deadline_timestamp_seconds",
    "When the timer reaches its limit, or did; absent while it stands still without a known end.",
)
ELAPSED = _gauge("timer_elapsed_seconds", "What counts against the limit so far.")
TARGET = _gauge("timer_target_seconds", "The limit of the timer.")
INCIDENTS = _counter("incidents", "Incidents that are over, by outcome: met, breached or cancelled.")
BREACHES = _counter("breaches", "Timers that reached their limit.")
CROSSINGS = _counter("threshold_crossings", "Timers that reached a percentage of their limit.")
TIME_TO_ACK = _histogram("time_to_ack", "From the start of an incident to its acknowledgement.")
TIME_TO_RESOLVE = _histogram(
    "time_to_resolve", "What counted against the limit until an incident was resolved; an edge is at the limit."
)
TIME_TO_DETECT = _histogram("time_to_detect", "From the first failure to the moment the incident was opened.")
OBSERVED = _counter("observed_seconds", "Time for which it is known whether the resource was up or down.", _SUMS)
DOWN = _counter("down_seconds", "Time of it for which the resource was down, outside of announced maintenance.", _SUMS)
EXCLUDED = _counter("excluded_seconds", "Time of it in announced maintenance.", _SUMS)
UNKNOWN = _counter("unknown_seconds", "Time for which nobody could look at the resource.", _SUMS)
REOPENS = _counter("reopens", "Resolved incidents that began again soon.")
FLAPS = _counter("flaps", "Recoveries that failed.")
BLIPS = _counter("blips", "Failures that were over before they became an incident.")
FLAPPING = _gauge("flapping", "Incidents that flap now.")
MAINTENANCE = _gauge("maintenance_active", "1 for a maintenance window that is open now.")
OVERRUN = _gauge(
    "maintenance_overrun_seconds",
    "For how long an incident that began in announced maintenance is open after its end; absent where none is.",
)
LAST_RUN = _gauge("evaluator_last_run_timestamp_seconds", "When the evaluator last looked.", _EVALUATOR)
LEADER = _gauge("evaluator_leader", "Whether this agent judges (1) or follows another one (0).", _EVALUATOR)
EPOCH = _gauge("evaluator_epoch", "How often the right to judge has changed hands.", _EVALUATOR)
NOTICE_DELAY = _histogram("breach_notice_delay", "From a breach to the moment it was noticed.")
CLOCK_JUMPS = _counter("clock_jumps", "Steps of the wall clock, by direction; behind: behind the last time stored.")
STORE_ERRORS = _counter("store_errors", "Calls of the store that failed, by kind; what they held is kept.", _EVALUATOR)
FENCED = _counter("fenced_writes", "Writes that the store refused because another agent judges.", _EVALUATOR)


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    found = [entry for entry in globals().values() if isinstance(entry, Family)]
    return tuple(sorted(found, key=lambda family: family.name))
