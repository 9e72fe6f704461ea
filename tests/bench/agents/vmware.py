"""vmware_exporter 0.18.4's own collector, performance counters only. Runs in its virtual environment.

A scrape connects, reads properties of VMs and hosts, their performance counters and labels. The parts of ``collect()``
that make other families (``_vmware_get_vms``, ``_vmware_get_hosts``, ``_vmware_get_datastores``) are left out.
"""

import logging
import threading

from prometheus_client import CollectorRegistry, generate_latest
from twisted.internet import defer, reactor, threads
from vmware_exporter.vmware_exporter import ListCollector, VmwareCollector, parallelize

from bench.agents.protocol import Answer, measured, memory, series, serve

SPECS = 5000  # its default: VSPHERE_SPECS_SIZE
PARTS = {"vms": True, "hosts": True, "vmguests": False, "datastores": False, "snapshots": False}


class Rival:
    """The exporter without its web server."""

    def start(self, *, host: str, port: int, user: str, password: str) -> Answer:
        """Takes note of where to read."""
        self._where = (f"{host}:{port}", user, password)
        self._collector: VmwareCollector | None = None
        return {}

    def cycle(self, *, again: bool = False) -> Answer:
        """What one scrape does for its performance counters. ``again`` leaves out what is not performance: connection,
        properties and labels are then those of the cycle before."""
        spent: Answer = {}
        with measured(spent):
            page = threads.blockingCallFromThread(reactor, self._scrape, again)
        return spent | {"series": series(page), "bytes": len(page)} | memory()

    @defer.inlineCallbacks
    def _scrape(self, again):
        if not again:
            host, user, password = self._where
            self._collector = VmwareCollector(host, user, password, PARTS, SPECS, False, True)
            self._collector._labels = {}
        metrics = {}
        yield parallelize(
            self._collector._vmware_get_vm_perf_manager_metrics(metrics),
            self._collector._vmware_get_host_perf_manager_metrics(metrics),
        )
        registry = CollectorRegistry()
        registry.register(ListCollector(metrics.values()))
        return generate_latest(registry)


def _serve() -> None:
    rival = Rival()
    try:
        serve({"start": rival.start, "cycle": rival.cycle})
    finally:
        reactor.callFromThread(reactor.stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    threading.Thread(target=_serve, daemon=True).start()
    reactor.run(installSignalHandlers=False)
