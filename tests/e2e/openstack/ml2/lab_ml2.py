"""Neutron ML2 mechanism driver of the lab: binds every port at once, on any host; there is no switch.

The VIF type is the one that Nova's VMware driver and its fake driver both take. A network with "fail" in its name binds
no port (Nova: PortBindingFailed); one with "slow" in its name takes SLOW_SECONDS.

It also stands for two agents, as SAP's networking-dvs has one for each compute host: that of vmware1 reports every
BEAT_SECONDS, that of vmware2 only once.
"""

import threading
import time
from typing import Any

from neutron_lib import constants, context
from neutron_lib.plugins import directory
from neutron_lib.plugins.ml2 import api

SLOW_SECONDS = 45
BEAT_SECONDS = 4


def report_agent(host: str) -> None:
    """What Neutron does when an agent's report comes in over RPC."""
    state = {
        "agent_type": "DVS agent",
        "binary": "neutron-dvs-agent",
        "host": host,
        "topic": constants.L2_AGENT_TOPIC,
        "configurations": {"bridge_mappings": {"lab-net": "DC0_DVPG0"}},
    }
    directory.get_plugin().create_or_update_agent(context.get_admin_context(), state)


def report_agents() -> None:
    """Both agents, for ever."""
    while directory.get_plugin() is None:
        time.sleep(1)
    report_agent("vmware2")
    while True:
        report_agent("vmware1")
        time.sleep(BEAT_SECONDS)


class LabMechanismDriver(api.MechanismDriver):
    """The driver named ``lab``."""

    def initialize(self) -> None:
        """Start the agents' reports."""
        threading.Thread(target=report_agents, daemon=True).start()

    def bind_port(self, context: Any) -> None:
        """Bind to vcsim's port group, as the network's name says."""
        name = context.network.current["name"]
        if "fail" in name:
            return
        if "slow" in name:
            time.sleep(SLOW_SECONDS)
        context.set_binding(
            context.segments_to_bind[0][api.ID],
            "dvs",
            {"dvs_port_group_name": "DC0_DVPG0"},
            status=constants.PORT_STATUS_ACTIVE,
        )
