"""Queries that several dashboards ask."""

from exporter.rules.integration import LIGHT
from sla.policy import Target
from tools.dashboards import panels
from tools.dashboards.panels import Column, Q, States
from tools.dashboards.promql import AGENTS, VCENTER, Scope, greatest, increase, once

_AT_RISK = Target("", limit=1.0).at_risk
HALFWAY, AT_RISK = _AT_RISK[0] / 100, _AT_RISK[-1] / 100
"""Shares of a limit at which the alerts of a timer begin, as the policy has them that is delivered."""

_LIVE = 'state=~"open|acked|recovering"'
LIVE_INCIDENTS = AGENTS("sla_incident_info", _LIVE)
"""Incidents that are not over."""

MAINTENANCE_STATES: States = {
    1: ("connected", panels.GREEN),
    2: ("maintenance", panels.BLUE),
    3: ("disconnected", panels.ORANGE),
    4: ("not responding", panels.RED),
}

LIGHT_CALLS = VCENTER.only(f'operation=~"{LIGHT}"')
"""Calls that cost vCenter little, whose time is that of the API itself: those that the alert looks at, too."""
CALLS = VCENTER.only('operation!="WaitForUpdatesEx"')
"""All calls but the one that waits at vCenter until something changes."""

_TIMER = "class, target, resource, state, incident"


def incidents_open(*matchers: str) -> str:
    """How many incidents are not over."""
    return f"sum({greatest('class, state', AGENTS('sla_incidents_open', _LIVE, *matchers))})"


def remaining(scope: Scope = AGENTS) -> tuple[str, str]:
    """Seconds until each timer reaches its limit, and the share of it that is used up."""
    left = f"{greatest(_TIMER, scope('sla_timer_deadline_timestamp_seconds'))} - time()"
    return left, greatest(_TIMER, scope("sla_timer_consumed_ratio"))


def counted(scope: Scope = AGENTS) -> tuple[str, str]:
    """Seconds that count against the limit of each timer, and the limit."""
    elapsed, limit = (greatest(_TIMER, scope(f"sla_timer_{name}_seconds")) for name in ("elapsed", "target"))
    return elapsed, limit


REMAINING_COLUMNS = (
    Column("Value #A", "Time left", unit="dtdurations", steps=panels.below(0)),
    Column("Value #B", "Used up", unit="percentunit", steps=panels.between(HALFWAY, AT_RISK)),
    Column("class", "Class", link=panels.opens("sla", "class")),
    Column("resource", "Resource", link=panels.opens("sla", "resource")),
    Column("state", "Timer"),
    Column("target", "Target"),
    Column("incident", "Incident"),
)


def spent(name: str, scope: Scope, *, by: str = "class", window: str = "$__range") -> str:
    """Seconds of one of the daily sums within the window."""
    return f"sum by ({by}) ({once(increase(scope(name), window))})"


def available(scope: Scope, *, by: str = "class", window: str = "$__range") -> str:
    """Share of the observed time, maintenance left out, that was not down; nothing where nothing was observed."""
    down, observed, excluded = (
        spent(f"sla_{what}_seconds_total", scope, by=by, window=window) for what in ("down", "observed", "excluded")
    )
    return f"1 - {down} / ({observed} - {excluded} > 0)"


AVAILABLE = available(AGENTS)


def states_of_hosts(*, only_trouble: bool) -> tuple[Q, ...]:
    """A number per host: 1 connected, 2 in maintenance, 3 disconnected, 4 not responding."""
    keys = "vcenter, host"
    lost, cut, well = (
        greatest(keys, VCENTER("vsphere_host_connection_state", f'state="{state}"'))
        for state in ("notResponding", "disconnected", "connected")
    )
    maintenance = greatest(keys, VCENTER("vsphere_host_maintenance_mode"))
    found = [f"4 * {lost}", f"3 * {cut}", f"2 * ({maintenance} == 1)"]
    return (Q(" or ".join(found if only_trouble else [*found, well]), "{{host}}"),)
