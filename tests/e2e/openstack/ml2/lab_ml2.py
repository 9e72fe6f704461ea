"""Neutron ML2 mechanism driver of the lab: binds every port at once, on any host; there is no agent and no switch.

The VIF type is the one that Nova's VMware driver and its fake driver both take. A network with "fail" in its name binds
no port (Nova: PortBindingFailed); one with "slow" in its name takes SLOW_SECONDS.
"""

import time
from typing import Any

from neutron_lib import constants
from neutron_lib.plugins.ml2 import api

SLOW_SECONDS = 45


class LabMechanismDriver(api.MechanismDriver):
    """The driver named ``lab``."""

    def initialize(self) -> None:
        """Nothing to set up."""

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
