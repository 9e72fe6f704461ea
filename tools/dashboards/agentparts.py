"""What the dashboard of the agent shows of clouds, of notifications, and of Alertmanager."""

from tools.dashboards import panels
from tools.dashboards.house import Panel
from tools.dashboards.panels import Q, events, graph, timeline
from tools.dashboards.promql import AGENTS, CLOUD, VCENTER, greatest, increase, least, quantile, rate, total

_ALERTMANAGER = "novacenter_alertmanager"


def clouds() -> tuple[Panel, ...]:
    """How reading the clouds goes."""
    not_ok = CLOUD("novacenter_cloud_reading", 'outcome!="ok"')
    return (
        graph(
            "How long do cycles of clouds take?",
            "95th percentile.",
            Q(quantile(0.95, "cloud", CLOUD("novacenter_cloud_cycle_duration_seconds_bucket")), "{{cloud}}"),
            unit="s",
        ),
        events(
            "How do cycles of clouds end?",
            "Cycles by outcome, and those that were not begun because the one before was late.",
            Q(f"{total('cloud, outcome', increase(CLOUD('novacenter_cloud_cycles_total')))}", "{{cloud}} {{outcome}}"),
            Q(
                total("cloud, schedule", increase(CLOUD("novacenter_cloud_cycles_skipped_total"))),
                "{{cloud}} {{schedule}} skipped",
            ),
        ),
        graph(
            "What do we ask of clouds?",
            "Requests by kind, and those without a usable answer.",
            Q(total("cloud, kind", rate(CLOUD("novacenter_cloud_requests_total"))), "{{cloud}} {{kind}}"),
            Q(total("cloud", rate(CLOUD("novacenter_cloud_requests_failed_total"))), "{{cloud}} failed"),
            unit="reqps",
        ),
        graph(
            "How much does a cycle cost?",
            "Requests of the last cycle, and servers whose operations are left for the next.",
            Q(greatest("cloud, kind", CLOUD("novacenter_cloud_cycle_requests")), "{{cloud}} {{kind}}"),
            Q(greatest("cloud", CLOUD("novacenter_cloud_servers_carried_over")), "{{cloud}} carried over"),
        ),
        graph(
            "How much do clouds send?",
            "Bytes of Nova's answers, and logins by outcome.",
            Q(total("cloud", rate(CLOUD("novacenter_cloud_received_bytes_total"))), "{{cloud}}"),
            unit="binBps",
        ),
        graph(
            "Are there troubles with logins at clouds?",
            "Attempts to log in, by outcome.",
            Q(total("cloud, outcome", increase(CLOUD("novacenter_cloud_logins_total"))), "{{cloud}} {{outcome}}"),
        ),
        timeline(
            "Which endpoints cannot be read?",
            "Endpoints by what the last reading found other than an answer.",
            Q(greatest("cloud, endpoint, outcome", not_ok), "{{cloud}} {{endpoint}} {{outcome}}"),
            states=panels.NO_YES,
        ),
        timeline(
            "When was each source read?",
            "Whether the last cycle of the source succeeded.",
            Q(greatest("vcenter", VCENTER("vsphere_up")), "vCenter {{vcenter}}"),
            Q(greatest("cloud", CLOUD("novacenter_cloud_up")), "cloud {{cloud}}"),
            states=panels.UP_DOWN,
        ),
    )


def beside() -> tuple[Panel, ...]:
    """Whom the agent listens to beside its sources."""
    return (
        graph(
            "How many notifications does Nova send?",
            "By event and what became of them.",
            Q(
                total("cloud, event, outcome", rate(CLOUD("novacenter_notifications_total"))),
                "{{cloud}} {{event}} {{outcome}}",
            ),
            unit="cps",
        ),
        timeline(
            "Is the message broker connected?",
            "Whether the agent has its queue.",
            Q(greatest("cloud", CLOUD("novacenter_notifications_connected")), "{{cloud}}"),
            states=panels.UP_DOWN,
        ),
        graph(
            "How do connections to the message broker end?",
            "By outcome.",
            Q(
                total("cloud, outcome", increase(CLOUD("novacenter_notifications_connections_total"))),
                "{{cloud}} {{outcome}}",
            ),
        ),
        graph(
            "When was a notification last heard?",
            "Time since the last.",
            Q(f"time() - {greatest('cloud', CLOUD('novacenter_notifications_last_timestamp_seconds'))}", "{{cloud}}"),
            unit="s",
        ),
        graph(
            "What does Alertmanager answer?",
            "Requests to each member by outcome.",
            Q(
                total("member, operation, outcome", increase(AGENTS(f"{_ALERTMANAGER}_requests_total"))),
                "{{member}} {{operation}} {{outcome}}",
            ),
        ),
        graph(
            "What becomes of alerts and webhooks?",
            "Webhooks received, alerts told or found, and alerts pushed, by outcome.",
            Q(total("outcome", increase(AGENTS(f"{_ALERTMANAGER}_webhooks_total"))), "webhook {{outcome}}"),
            Q(total("outcome", increase(AGENTS(f"{_ALERTMANAGER}_alerts_total"))), "alert {{outcome}}"),
            Q(total("member", increase(AGENTS(f"{_ALERTMANAGER}_alerts_pushed_total"))), "pushed to {{member}}"),
        ),
        graph(
            "What becomes of silences?",
            "Silences that are not over by what became of them, and maintenance windows that they began or ended.",
            Q(greatest("outcome", AGENTS(f"{_ALERTMANAGER}_silences")), "{{outcome}}"),
            Q(total("change", increase(AGENTS(f"{_ALERTMANAGER}_windows_total"))), "windows {{change}}"),
            Q(f"max({AGENTS(f'{_ALERTMANAGER}_alerts_firing')})", "alerts of a class that fire"),
        ),
        graph(
            "When was Alertmanager last read?",
            "Time since alerts were last compared, and since silences were last read.",
            Q(f"time() - max({AGENTS(f'{_ALERTMANAGER}_last_reconcile_timestamp_seconds')})", "alerts"),
            Q(f"time() - max({AGENTS(f'{_ALERTMANAGER}_last_silences_timestamp_seconds')})", "silences"),
            unit="s",
        ),
    )


def trust() -> tuple[Panel, ...]:
    """How far each edge is trusted, until when, and whom our server turns away."""
    ends = "novacenter_certificate_expiry_timestamp_seconds"
    return (
        timeline(
            "How is each edge trusted?",
            "The states of the edges: plain, unverified, tls (we verify the server), mutual (it verifies us, too).",
            Q(f"{greatest('edge, peer, state', AGENTS('novacenter_edge_trust'))} == 1", "{{edge}} {{peer}} {{state}}"),
            states={1: ("yes", panels.GREEN)},
        ),
        graph(
            "When do certificates end?",
            "Time that is left, of the first to end.",
            Q(f"{least('edge, peer, role', AGENTS(ends))} - time()", "{{edge}} {{peer}} {{role}}"),
            unit="s",
        ),
        graph(
            "Whom does our server turn away?",
            "By reason: no accepted certificate, another fault of the handshake, wrong credentials, too many at once.",
            Q(total("reason", increase(AGENTS("novacenter_web_refused_total"))), "{{reason}}"),
            Q(f"1 - min({AGENTS('novacenter_web_config_last_reload_successful')})", "web_config cannot be used"),
        ),
    )
