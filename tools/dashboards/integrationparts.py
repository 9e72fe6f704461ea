"""The rows of the Integration dashboard about objectives, functions, mapping and ways."""

from tools.dashboards import panels
from tools.dashboards.house import Panel
from tools.dashboards.panels import NONE_IS_BETTER, NONE_IS_GOOD, Column, Q, bars, graph, number, table, timeline
from tools.dashboards.promql import AGENTS, CLOUD, VCENTER, greatest, increase, least, once, total

_STATE = "integration_objective_state"
_SCOPED = "objective, scope"
_STATES: panels.States = {
    0: ("met", panels.GREEN),
    1: ("not measurable", panels.YELLOW),
    2: ("missed", panels.RED),
}
GRADE_C, GRADE_B_PLUS = 0.55, 0.77
"""Shares of points at which a grade of C and one of B+ begin (exporter/data/coverage.yml)."""


def _in(state: str) -> str:
    return greatest(_SCOPED, AGENTS(_STATE, f'state="{state}"'))


def _objective(name: str) -> str:
    return greatest(_SCOPED, AGENTS(f"integration_objective_{name}"))


def objectives() -> tuple[Panel, ...]:
    """How the integration stands, figure by figure."""
    titled = greatest("objective, title, unit", AGENTS("integration_objective_info"))
    state = f"{_in('missed')} * 2 + {_in('not_measurable')}"
    expected = greatest("objective", AGENTS("integration_objective_reference"))
    return (
        number(
            "Missed",
            "Objectives that are missed; novacenter assess says what to do.",
            f"sum({_in('missed')})",
            steps=NONE_IS_GOOD,
        ),
        number("Met", "Objectives that are met, each scope counted.", f"sum({_in('met')})"),
        number(
            "Not measurable",
            "Objectives of which too little is known; novacenter assess says why.",
            f"sum({_in('not_measurable')})",
        ),
        number(
            "Age",
            "How long ago the last assessment was made.",
            f"time() - max({AGENTS('integration_assessment_timestamp_seconds')})",
            unit="s",
            steps=panels.above(1800),
        ),
        number(
            "Per VM-hour",
            "Cost of the cheapest way for each hour of each machine, in the configured currency.",
            f"min({AGENTS('integration_cost_per_vm_hour')})",
            decimals=4,
        ),
        number(
            "Window",
            "How far the assessment looks back.",
            f"max({AGENTS('integration_assessment_window_seconds')})",
            unit="s",
        ),
        timeline(
            "Which objectives are missed, and since when?",
            "Each objective and scope: met, not measurable, missed. Figures that demand bounds are never missed.",
            Q(state, "{{objective}} {{scope}}"),
            states=_STATES,
            height=12,
        ),
        table(
            "How does the integration stand?",
            "Measured values beside their targets, each in the unit of its objective, with the 95 % interval.",
            f"{_objective('value')} * on (objective) group_left (title, unit) {titled}",
            _objective("target"),
            _objective("confidence_low"),
            _objective("confidence_high"),
            _objective("samples"),
            state,
            f"{_in('met')} * 0 + on (objective) group_left () {expected}",
            columns=(
                Column("title", "Objective"),
                Column("scope", "Scope"),
                Column("Value #F", "State", states=_STATES),
                Column("Value #A", "Measured"),
                Column("unit", "Unit"),
                Column("Value #B", "Target"),
                Column("Value #G", "Reference"),
                Column("Value #C", "From"),
                Column("Value #D", "To"),
                Column("Value #E", "Samples"),
            ),
            sort="State",
            width=12,
            height=12,
        ),
        bars(
            "Which call to vCenter takes how long?",
            "Median and 95th percentile of our own calls by operation, over the window of the assessment.",
            Q(
                greatest("operation, statistic", VCENTER("integration_vcenter_latency_seconds")),
                "{{operation}} {{statistic}}",
            ),
            unit="s",
            steps=panels.between(0.12, 0.25),
            width=12,
        ),
        bars(
            "What does each way cost over the years?",
            "Until the end of so many years, in the configured currency; the figures are those of objectives.costs.",
            Q(greatest("way, years", AGENTS("integration_cost_cumulative")), "{{way}}, {{years}} years"),
            width=12,
        ),
    )


def functions() -> tuple[Panel, ...]:
    """What the cloud really offers."""
    of = "cloud, feature, state"
    states = f"{greatest(of, CLOUD('integration_feature_state'))} == 1"
    return (
        number(
            "Functions",
            "Points of the functions of Nova's driver that are there, of all that are known; B+ begins at 77 %.",
            f"min({CLOUD('integration_coverage_score_ratio')})",
            unit="percentunit",
            steps=panels.Steps(panels.RED, ((GRADE_C, panels.ORANGE), (GRADE_B_PLUS, panels.GREEN))),
        ),
        number(
            "Known",
            "Share of the functions of which it is known whether they are there.",
            f"min({CLOUD('integration_coverage_known_ratio')})",
            unit="percentunit",
            steps=panels.below(0.8, panels.ORANGE),
        ),
        bars(
            "How many functions are there, by hand, missing?",
            "Functions of Nova's driver by state.",
            Q(f"count by (state) ({states})", "{{state}}"),
            width=6,
        ),
        table(
            "Which functions are there?",
            "Each function of Nova's driver with its state; novacenter assess says what is behind it.",
            states,
            columns=(Column("feature", "Function"), Column("state", "State"), Column("cloud", "Cloud")),
            width=12,
        ),
    )


def mapping() -> tuple[Panel, ...]:
    """What of both inventories does not fit together."""
    found = CLOUD("integration_mapping_findings")
    by = "cloud, vcenter, kind"
    looked = f"max({CLOUD('integration_mapping_last_look_timestamp_seconds')})"
    return (
        number(
            "Mapping drift",
            "What of networks, clusters and datastores does not fit together, notes included.",
            f"sum({once(found)})",
            steps=NONE_IS_BETTER,
        ),
        number(
            "Comparison",
            "How long ago both inventories were compared.",
            f"time() - {looked}",
            unit="s",
            steps=panels.above(300),
        ),
        number(
            "Not compared",
            "Kinds of drift that could not be looked for; novacenter drift says why.",
            f"sum({once(CLOUD('integration_mapping_unchecked_kinds'))})",
            steps=NONE_IS_BETTER,
        ),
        graph(
            "How much does not fit, by kind?",
            "Findings by kind; novacenter drift lists each with what to do.",
            Q(f"{total('kind', found)}", "{{kind}}"),
            stacked=True,
            width=9,
        ),
        graph(
            "How do the slow looks at clouds end?",
            "Comparisons of the mapping and readings of functions, by outcome.",
            Q(total("side, outcome", increase(CLOUD("novacenter_cloud_sides_total"))), "{{side}} {{outcome}}"),
            stacked=True,
            width=9,
        ),
        table(
            "What does not fit?",
            "Kinds of drift that were looked for, and how many were found.",
            greatest(by, found),
            columns=(
                Column("kind", "Kind"),
                Column("Value #A", "Found", steps=NONE_IS_BETTER),
                Column("vcenter", "vCenter"),
                Column("cloud", "Cloud"),
            ),
            sort="Found",
            width=6,
        ),
    )


def trust() -> tuple[Panel, ...]:
    """How far both ends of each connection trust each other, and for how long."""
    state = greatest("edge, peer, state", AGENTS("novacenter_edge_trust"))
    ends = least("edge, peer, role", AGENTS("novacenter_certificate_expiry_timestamp_seconds"))
    return (
        table(
            "How far do both ends of each connection trust each other?",
            "plain: no TLS; unverified: TLS to anybody; tls: we verify the server; mutual: it verifies us, too.",
            f"{state} == 1",
            columns=(Column("edge", "Connection"), Column("peer", "With"), Column("state", "Trust")),
            width=12,
        ),
        bars(
            "How long are the certificates valid?",
            "Time until each certificate ends.",
            Q(f"{ends} - time()", "{{edge}} {{peer}} {{role}}"),
            unit="s",
            steps=panels.Steps(panels.RED, ((7 * 86400, panels.ORANGE), (30 * 86400, panels.GREEN))),
            width=12,
        ),
    )


def ways() -> tuple[Panel, ...]:
    """Who governs the machines."""
    vms = VCENTER("integration_vms")
    ours = VCENTER("integration_vms", 'way=~"nova|cinder"')
    by_hand = VCENTER("integration_vms", 'way="hand"')
    info = VCENTER("integration_vm_way_info", 'way="hand"')
    return (
        number(
            "Governed by OpenStack",
            "Share of the virtual machines that Nova or Cinder made.",
            f"sum({once(ours)}) / sum({once(vms)})",
            unit="percentunit",
        ),
        number("By hand", "Virtual machines that no tool governs.", f"sum({once(by_hand)})", steps=NONE_IS_BETTER),
        bars(
            "Who governs the machines?",
            "Virtual machines by way: Nova, another tool, or by hand.",
            Q(f"{total('way', vms)} > 0", "{{way}}"),
            width=6,
        ),
        graph(
            "Are there more machines that are made by hand?",
            "Virtual machines that no tool governs, by vCenter.",
            Q(total("vcenter", by_hand), "{{vcenter}}"),
            width=6,
        ),
        bars(
            "How many CPUs do the machines of each way have?",
            "Virtual CPUs by way.",
            Q(f"{total('way', VCENTER('integration_vm_vcpus'))} > 0", "{{way}}"),
            width=6,
        ),
        bars(
            "How much memory do the machines of each way have?",
            "Configured memory by way.",
            Q(f"{total('way', VCENTER('integration_vm_memory_bytes'))} > 0", "{{way}}"),
            unit="bytes",
            width=6,
        ),
        table(
            "Which machines are made by hand?",
            "Virtual machines that no tool governs, and the rule that decided; novacenter ways lists all.",
            greatest("vcenter, vm, rule", info),
            columns=(Column("vm", "VM"), Column("rule", "Rule"), Column("vcenter", "vCenter")),
            width=6,
        ),
    )
