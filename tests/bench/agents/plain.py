"""What one writes first: pyVmomi's QueryPerf and prometheus_client's GaugeMetricFamily, one batch after the other."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from pyVim.connect import SmartConnect
from pyVmomi import vim, vmodl

from bench.agents.protocol import Answer, measured, memory, series, serve

BATCH = 250
TYPES = {"vm": vim.VirtualMachine, "host": vim.HostSystem}


class Plain:
    """The agent; it is also the collector of its registry."""

    def start(self, *, host: str, port: int, user: str, password: str, counters: dict[str, list[str]], instance: str):
        """Logs in and reads counters and names, once."""
        self._content = SmartConnect(
            host=host, port=port, user=user, pwd=password, disableSslCertValidation=True
        ).RetrieveContent()
        known = {f"{c.groupInfo.key}.{c.nameInfo.key}.{c.rollupType}": c for c in self._content.perfManager.perfCounter}
        self._names = {kind: self._inventory(TYPES[kind]) for kind in counters}
        self._counters = {kind: [known[name] for name in names] for kind, names in counters.items()}
        self._instance = instance
        self._families: Iterable[GaugeMetricFamily] = ()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        return {"entities": sum(map(len, self._names.values()))}

    def cycle(self) -> Answer:
        """One pass over all entities, up to the text of the page."""
        spent: Answer = {}
        with measured(spent):
            self._families = [family for kind in self._counters for family in self._read(kind)]
            page = generate_latest(self._registry)
        return spent | {"series": series(page), "bytes": len(page)} | memory()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What prometheus_client asks for."""
        yield from self._families

    def _read(self, kind: str) -> Iterable[GaugeMetricFamily]:
        families, percent = {}, set()
        for counter in self._counters[kind]:
            name = f"vsphere_{kind}_{counter.groupInfo.key}_{counter.nameInfo.key}_{counter.rollupType}"
            labels = ["vcenter", "moid", kind, "device"]
            families[counter.key] = GaugeMetricFamily(name, counter.nameInfo.summary, labels=labels)
            if counter.unitInfo.key == "percent":
                percent.add(counter.key)
        manager = vim.PerformanceManager
        metrics = [manager.MetricId(counterId=key, instance=self._instance) for key in families]
        entities = list(self._names[kind])
        for start in range(0, len(entities), BATCH):
            specs = [
                manager.QuerySpec(entity=entity, metricId=metrics, intervalId=20, maxSample=1, format="normal")
                for entity in entities[start : start + BATCH]
            ]
            for found in self._content.perfManager.QueryPerf(specs):
                labels = ["vc1", found.entity._moId, self._names[kind][found.entity]]
                for one in found.value:
                    value = one.value[-1] if one.value else 0  # the simulator leaves zeros out in this format
                    scaled = value / 10_000 if one.id.counterId in percent else value
                    families[one.id.counterId].add_metric([*labels, one.id.instance], scaled)
        return families.values()

    def _inventory(self, kind: type) -> dict[object, str]:
        collector = vmodl.query.PropertyCollector
        view = self._content.viewManager.CreateContainerView(self._content.rootFolder, [kind], True)
        walk = collector.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
        spec = collector.FilterSpec(
            objectSet=[collector.ObjectSpec(obj=view, skip=True, selectSet=[walk])],
            propSet=[collector.PropertySpec(type=kind, pathSet=["name"])],
        )
        found = self._content.propertyCollector.RetrieveContents([spec])
        return {item.obj: item.propSet[0].val for item in found}


if __name__ == "__main__":
    plain = Plain()
    serve({"start": plain.start, "cycle": plain.cycle})
