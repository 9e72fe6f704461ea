"""Agent: does the agent itself keep up: data quality, cycles, requests, sessions, its page and its own health."""

from exporter.thresholds import Thresholds
from tools.dashboards import agentparts, panels
from tools.dashboards.house import CLOUDS, VCENTERS, Dashboard, Panel, Row
from tools.dashboards.panels import (
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    Column,
    Q,
    bars,
    events,
    graph,
    number,
    table,
    timeline,
)
from tools.dashboards.promql import AGENTS, CLOUD, VCENTER, greatest, increase, once, quantile, rate, total

_INSTANCE = "instance"
_REALTIME = 'kind=~"vm|host"'


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="agent",
        title="Agent",
        text="Whether the agent keeps up: how old and how complete its data are, and how it is itself.",
        choices=(VCENTERS, CLOUDS),
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("How good are the data?", _quality(limits)),
            Row("vCenters", _vcenters(limits)),
            Row("Clouds", agentparts.clouds()),
            Row("The agent itself", _itself()),
            Row("Alertmanager and notifications", agentparts.beside()),
            Row("Trust", agentparts.trust()),
        ),
    )


def _share(of: str, window: str) -> str:
    expected = total("", increase(VCENTER("novacenter_samples_expected_total"), window))
    return f"{total('', increase(VCENTER(of), window))} / ({expected} > 0)"


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    ends = AGENTS("novacenter_certificate_expiry_timestamp_seconds")
    oldest = VCENTER("novacenter_sample_age_seconds", 'of="oldest"', _REALTIME)
    return (
        number(
            "Agents",
            "Agents that are scraped and answer.",
            f"sum({AGENTS('up')})",
            steps=panels.below(1),
        ),
        number(
            "Oldest sample",
            "Age of the oldest newest sample of any host or machine.",
            f"max({oldest})",
            unit="s",
            steps=panels.above(limits.sample_age_seconds),
        ),
        number(
            "Missing, 1 h",
            "Share of the samples that were due within the last hour and given up.",
            _share("novacenter_samples_missing_total", "1h"),
            unit="percentunit",
            steps=panels.above(limits.samples_missing_ratio),
        ),
        number(
            "Quarantined",
            "Entities left out because asking for them fails.",
            f"sum({once(VCENTER('novacenter_entities_quarantined'))})",
            steps=NONE_IS_BETTER,
        ),
        number(
            "Bugs, 1 h",
            "Unexpected errors that a loop survived within the last hour.",
            total("", increase(AGENTS("novacenter_loop_errors_total"), "1h"))
            + f" or 0 * max({AGENTS('novacenter_series')})",
            steps=NONE_IS_GOOD,
            decimals=0,
        ),
        number(
            "Reload",
            "Whether the last reload of the configuration succeeded.",
            f"min({AGENTS('novacenter_config_last_reload_successful')})",
            states=panels.YES_NO,
        ),
        number(
            "Series of budget",
            "Series of all sources, of the most that the page may have.",
            f"max({AGENTS('novacenter_series')} / {AGENTS('novacenter_series_budget')})",
            unit="percentunit",
            steps=panels.between(0.8, 1),
        ),
        number(
            "Certificate",
            "Time until the first certificate ends, of any edge and of our own server.",
            f"min({ends}) - time()",
            unit="dtdurations",
            steps=panels.below(limits.certificate_seconds),
        ),
    )


def _quality(limits: Thresholds) -> tuple[Panel, ...]:
    outcomes = ("received", "late", "missing")
    age = greatest("vcenter, kind, of", VCENTER("novacenter_sample_age_seconds"))
    return (
        graph(
            "How old are the samples?",
            "Age of the newest samples by the vCenter's clock: of all entities the newest, median and oldest.",
            Q(age, "{{vcenter}} {{kind}} {{of}}"),
            unit="s",
            steps=panels.between(limits.sample_age_seconds, limits.historical_sample_age_seconds),
        ),
        graph(
            "How complete are the samples?",
            "Samples that were due, received, late and given up, per second.",
            Q(total("", rate(VCENTER("novacenter_samples_expected_total"))), "expected"),
            *(Q(total("", rate(VCENTER(f"novacenter_samples_{word}_total"))), word) for word in outcomes),
            unit="cps",
        ),
        table(
            "What is asked for?",
            "Entities and counters by kind; quarantined ones are left out because asking for them fails.",
            *(
                greatest("vcenter, kind", VCENTER(f"novacenter_{name}"))
                for name in ("entities", "entities_quarantined", "counters", "counters_missing")
            ),
            columns=(
                Column("vcenter", "vCenter"),
                Column("kind", "Kind"),
                Column("Value #A", "Entities"),
                Column("Value #B", "Quarantined", steps=panels.above(1)),
                Column("Value #C", "Counters"),
                Column("Value #D", "Counters missing", steps=panels.above(1, panels.ORANGE)),
            ),
            width=12,
        ),
        timeline(
            "Which parts of the inventory are complete?",
            "Whether all properties were listed, and whether nothing is left to ask of a cloud.",
            Q(greatest("vcenter", VCENTER("novacenter_inventory_complete")), "{{vcenter}} inventory"),
            Q(greatest("cloud", CLOUD("novacenter_cloud_complete")), "{{cloud}} operations"),
            states=panels.YES_NO,
        ),
        bars(
            "Which properties are missing?",
            "Objects that lack a property, by kind of object, property and reason.",
            Q(
                f"topk(15, {once(VCENTER('novacenter_inventory_properties_missing'))} > 0)",
                "{{type}} {{property}} {{reason}}",
            ),
            width=24,
            height=6,
        ),
    )


def _vcenters(limits: Thresholds) -> tuple[Panel, ...]:
    slow = quantile(0.95, "vcenter, schedule", VCENTER("novacenter_cycle_duration_seconds_bucket"))
    return (
        graph(
            "How long do cycles take?", "95th percentile, by schedule.", Q(slow, "{{vcenter}} {{schedule}}"), unit="s"
        ),
        events(
            "How do cycles end?",
            "Cycles by outcome, and those that were not begun because the one before was late.",
            Q(
                total("vcenter, schedule, outcome", increase(VCENTER("novacenter_cycles_total"))),
                "{{vcenter}} {{schedule}} {{outcome}}",
            ),
            Q(
                total("vcenter, schedule", increase(VCENTER("novacenter_cycles_skipped_total"))),
                "{{vcenter}} {{schedule}} skipped",
            ),
        ),
        graph(
            "How do requests end?",
            "Requests to vCenters by outcome.",
            Q(total("vcenter, outcome", rate(VCENTER("novacenter_requests_total"))), "{{vcenter}} {{outcome}}"),
            unit="reqps",
        ),
        graph(
            "How large and how many are batches?",
            "Entities of a realtime request, requests at once, and QueryPerf requests by outcome.",
            Q(greatest("vcenter", VCENTER("novacenter_batch_entities")), "{{vcenter}} entities"),
            Q(greatest("vcenter", VCENTER("novacenter_batch_concurrency")), "{{vcenter}} at once"),
            Q(total("vcenter, outcome", increase(VCENTER("novacenter_batches_total"))), "{{vcenter}} {{outcome}}"),
        ),
        graph(
            "How much goes over the wire?",
            "Bytes to and from vCenters.",
            Q(total("vcenter", rate(VCENTER("novacenter_sent_bytes_total"))), "{{vcenter}} sent"),
            Q(total("vcenter", rate(VCENTER("novacenter_received_bytes_total"))), "{{vcenter}} received"),
            unit="binBps",
        ),
        graph(
            "Are there troubles with sessions?",
            "Logins by outcome, and updates of the inventory.",
            Q(total("vcenter, outcome", increase(VCENTER("novacenter_logins_total"))), "{{vcenter}} login {{outcome}}"),
            Q(total("vcenter", increase(VCENTER("novacenter_inventory_updates_total"))), "{{vcenter}} updates"),
        ),
        graph(
            "How far is each clock off?",
            "The source's clock less the agent's. The line is where the alert begins.",
            Q(f"abs({greatest('vcenter', VCENTER('vsphere_clock_skew_seconds'))})", "vCenter {{vcenter}}"),
            Q(f"abs({greatest('cloud', CLOUD('novacenter_cloud_clock_skew_seconds'))})", "cloud {{cloud}}"),
            unit="s",
            steps=panels.above(limits.clock_skew_seconds),
        ),
        graph(
            "How much time goes into decoding?",
            "Seconds per second spent decoding and storing samples.",
            Q(total("vcenter, schedule", rate(VCENTER("novacenter_decode_seconds_total"))), "{{vcenter}} {{schedule}}"),
            unit="percentunit",
        ),
    )


def _itself() -> tuple[Panel, ...]:
    lag = quantile(0.95, _INSTANCE, AGENTS("novacenter_event_loop_lag_seconds_bucket"))
    scrape = quantile(0.95, _INSTANCE, AGENTS("novacenter_scrape_duration_seconds_bucket"))
    render = quantile(0.95, _INSTANCE, AGENTS("novacenter_render_seconds_bucket"))
    failed = total("reason", increase(AGENTS("novacenter_scrapes_failed_total")))
    return (
        graph(
            "How much CPU does the agent use?",
            "Cores.",
            Q(f"sum by ({_INSTANCE}) ({rate(AGENTS('process_cpu_seconds_total'))})", "{{instance}}"),
        ),
        graph(
            "How much memory does the agent use?",
            "Resident memory.",
            Q(greatest(_INSTANCE, AGENTS("process_resident_memory_bytes")), "{{instance}}"),
            unit="bytes",
        ),
        graph(
            "Does its event loop keep up?", "95th percentile of how late a timer ran.", Q(lag, "{{instance}}"), unit="s"
        ),
        graph(
            "How long do scrapes and rendering take?",
            "95th percentile.",
            Q(scrape, "{{instance}} scrape"),
            Q(render, "{{instance}} render"),
            unit="s",
        ),
        graph(
            "How many series does it show?",
            "Series of all sources; the line above is the budget.",
            Q(greatest(_INSTANCE, AGENTS("novacenter_series")), "{{instance}}"),
        ),
        graph(
            "How large is the page?",
            "Size of the newest page, by what was asked for.",
            Q(
                greatest("instance, format, encoding", AGENTS("novacenter_page_bytes")),
                "{{instance}} {{format}} {{encoding}}",
            ),
            unit="bytes",
        ),
        graph(
            "Who scrapes it how?",
            "Scrapes answered in full, by format and encoding.",
            Q(total("format, encoding", rate(AGENTS("novacenter_scrapes_total"))), "{{format}} {{encoding}}"),
            unit="reqps",
        ),
        graph(
            "What fails in the agent?",
            "Errors that a loop survived, calls of the state database, rendering and scrapes that failed.",
            Q(total("", increase(AGENTS("novacenter_state_errors_total"))), "state"),
            Q(total("operation", increase(AGENTS("novacenter_days_errors_total"))), "measured record, {{operation}}"),
            Q(total("", increase(AGENTS("novacenter_render_failures_total"))), "render"),
            Q(failed, "scrape {{reason}}"),
            Q(total("loop", increase(AGENTS("novacenter_loop_errors_total"))), "loop {{loop}}"),
        ),
        graph(
            "How large is the measured record?",
            "Rows of today, of 20,000 at most, and measurements that had no room.",
            Q(greatest(_INSTANCE, AGENTS("novacenter_days_rows")), "rows, {{instance}}"),
            Q(total(_INSTANCE, increase(AGENTS("novacenter_days_dropped_total"))), "dropped, {{instance}}"),
        ),
        table(
            "Which agents are there?",
            "Version, when the agent was started and when its configuration was last taken over.",
            greatest("instance, version", AGENTS("novacenter_build_info")),
            f"time() - {greatest(_INSTANCE, AGENTS('process_start_time_seconds'))}",
            f"time() - {greatest(_INSTANCE, AGENTS('novacenter_config_last_reload_success_timestamp_seconds'))}",
            f"time() - {greatest('instance, vcenter', VCENTER('vsphere_last_success_timestamp_seconds'))}",
            f"time() - ({greatest(_INSTANCE, AGENTS('novacenter_days_last_write_timestamp_seconds'))} > 0)",
            columns=(
                Column("instance", "Agent"),
                Column("version", "Version"),
                Column("Value #B", "Up for", unit="dtdurations"),
                Column("Value #C", "Configured", unit="dtdurations"),
                Column("vcenter", "vCenter"),
                Column("Value #D", "Last read", unit="dtdurations"),
                Column("Value #E", "Record written", unit="dtdurations"),
            ),
            width=12,
        ),
        graph(
            "How long is each source not read?",
            "Time since a cycle last succeeded.",
            Q(f"time() - {greatest('vcenter', VCENTER('vsphere_last_success_timestamp_seconds'))}", "{{vcenter}}"),
            Q(f"time() - {greatest('cloud', CLOUD('novacenter_cloud_last_success_timestamp_seconds'))}", "{{cloud}}"),
            unit="s",
        ),
    )
