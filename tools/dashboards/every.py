"""All dashboards, in the order in which one reads them."""

from exporter.thresholds import Thresholds
from tools.dashboards import agent, canary, integration, overview, sla, storage, tasks, vcenter, vms
from tools.dashboards.house import Dashboard


def dashboards(limits: Thresholds | None = None) -> tuple[Dashboard, ...]:
    """Those of the product; their thresholds are those of the alerts as delivered, or ``limits``."""
    limits = limits or Thresholds()
    return tuple(
        room.made(limits) for room in (overview, vcenter, vms, storage, tasks, integration, sla, canary, agent)
    )
