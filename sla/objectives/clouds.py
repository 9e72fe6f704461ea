"""The rows about APIs, room, functions, mapping, trust, promises and releases. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sla.objectives.estimate import Estimate, merged, quantile
from sla.objectives.judge import judged, measurement, missing
from sla.objectives.measured import Edge, Gate, Incidents, Measured
from sla.objectives.model import Line, Objective
from sla.objectives.words import percent, seconds, span

BUSY = 0.8
"""Share of a host's CPU from where on it counts as busy: the alarm of the reference figures."""
_DAY = 86400.0
_DONE = {"passed": 1.0, "failed": 0.0}


def latency(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The median of the light calls to each vCenter, all operations and days merged."""
    vcenters = sorted({calls.vcenter for calls in measured.calls})
    for vcenter in vcenters:
        light = merged(calls.seconds for calls in measured.calls if calls.vcenter == vcenter and calls.light)
        every = merged(calls.seconds for calls in measured.calls if calls.vcenter == vcenter)
        found = quantile(light, 0.5)
        if found is None:
            yield judged(objective, vcenter, None, why="none of our light calls was answered")
            continue
        slow = light.quantile(0.95) or 0.0
        remarks = [f"95 % of these calls took at most {seconds(slow)}"]
        if every.count > light.count:
            middle, high = every.quantile(0.5) or 0.0, every.quantile(0.95) or 0.0
            remarks.append(
                f"with those that ask for much, half took at most {seconds(middle)} and 95 % {seconds(high)}"
            )
        method = "median of our own calls that ask for little, so that their time is that of the API itself"
        yield judged(objective, vcenter, measurement(found, measured, method), remarks=tuple(remarks))
    if not vcenters:
        yield missing(objective, measured, "calls")


def hosts(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The most hosts that a vCenter had."""
    for vcenter, seen in sorted(measured.hosts.items()):
        if seen.most is not None:
            found = Estimate(seen.most, seen.count)
            yield judged(objective, vcenter, measurement(found, measured, "greatest number in the inventory"))
    if not measured.hosts:
        yield missing(objective, measured, "hosts")


def coverage(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The score of each cloud: done by hand counts half, what is unknown not at all."""
    for one in measured.coverage:
        if one.score is None or one.grade is None:
            yield judged(objective, one.cloud, None, why="none of the functions could be looked at")
            continue
        lacking = [item.title for item in one.features if item.state == "missing"]
        by_hand = [item.title for item in one.features if item.state == "by_hand"]
        remarks = [f'grade "{one.grade}", {percent(one.known)} of it known']
        remarks += [f"missing: {', '.join(lacking)}"] if lacking else []
        remarks += [f"by hand: {', '.join(by_hand)}"] if by_hand else []
        found = Estimate(one.score, sum(item.state != "unknown" for item in one.features))
        method = "weighted share of functions that are there; one that is done by hand counts half"
        yield judged(objective, one.cloud, measurement(found, measured, method), remarks=tuple(remarks))
    if not measured.coverage:
        yield missing(objective, measured, "coverage")


def cpu(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The share of host-hours above the alarm."""
    for vcenter, used in sorted(measured.cpu.items()):
        share = used.share_above(BUSY)
        if share is not None:
            remarks = (f"the highest was {percent(used.most or 0.0)}, the median {percent(used.quantile(0.5) or 0.0)}",)
            found = measurement(Estimate(share, used.count), measured, "share of all samples of all hosts")
            yield judged(objective, vcenter, found, remarks=remarks)
    if not measured.cpu:
        yield missing(objective, measured, "cpu")


def api_interruption(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The longest incident of the class."""
    yield _longest(objective, measured, "api_communication")


def storage_failure(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The longest incident of the class."""
    yield _longest(objective, measured, "storage_connection")


def _longest(objective: Objective, measured: Measured, class_: str) -> Line:
    found: Incidents | None = next((one for one in measured.incidents if one.class_ == class_), None)
    if found is None or (found.observed is None and not found.seconds):
        return missing(objective, measured, "incidents")
    remarks = [f"{len(found.seconds):,} incidents, {found.breached:,} beyond the promise"]
    remarks += [f"{found.open:,} not over yet"] if found.open else []
    if found.observed is not None:
        remarks.append(f"the agent looked for {span(found.observed)}")
    value = Estimate(max(found.seconds, default=0.0), len(found.seconds))
    method = "longest time that counted against the limit, from the log of incidents"
    return judged(objective, "", measurement(value, measured, method), remarks=tuple(remarks))


def release_gate(objective: Objective, measured: Measured) -> Iterator[Line]:
    """What the canary gate said last; while it runs there is no verdict."""
    gate: Gate | None = measured.gate
    if gate is None:
        yield missing(objective, measured, "gate")
        return
    remarks = (f"release {gate.release}: {gate.valid_days} of {gate.needed_days} valid days", gate.sentence)
    verdict = _DONE.get(gate.phase)
    if verdict is None:
        waiting = replace(objective, lacking="Wait for its end; `novacenter canary status` says how far it is.")
        asked = waiting if gate.phase in {"pending", "running"} else objective
        yield judged(asked, "", None, why=f"the gate has no verdict, it is {gate.phase}", remarks=remarks)
        return
    found = measurement(Estimate(verdict, gate.valid_days), measured, "last verdict of the canary gate")
    yield judged(objective, "", found, remarks=remarks)


def mapping_drift(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The number of findings of each cloud."""
    for one in measured.drifts:
        remarks = tuple(f"{subject}: {text}" for subject, text, _ in one.found[:3])
        remarks += (f"not looked at: {'; '.join(one.unchecked)}",) if one.unchecked else ()
        if not one.looked:
            yield judged(objective, one.cloud, None, why="; ".join(one.unchecked[:3]) or "nothing could be compared")
            continue
        found = measurement(Estimate(float(one.count), one.looked), measured, "kinds of drift that were looked for now")
        yield judged(objective, one.cloud, found, remarks=remarks)
    if not measured.drifts:
        yield missing(objective, measured, "drifts")


def mutual_tls(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The share of the agent's connections on which both ends show a certificate; of those that leave the machine."""
    known = [edge for edge in measured.edges if edge.mutual is not None and not edge.local]
    if not known:
        if measured.edges and all(edge.local for edge in measured.edges):
            stay = f"all {len(measured.edges)} connections stay on this machine, where nobody can come between"
            yield judged(replace(objective, lacking="Nothing need be done."), "", None, why=stay)
        else:
            yield missing(objective, measured, "edges")
        return
    lacking = [edge.name for edge in known if not edge.mutual]
    found = Estimate((len(known) - len(lacking)) / len(known), len(known))
    remarks = (f"without: {_some(lacking)}",) if lacking else ()
    yield judged(
        objective,
        "",
        measurement(found, measured, "share of the agent's connections that leave its machine"),
        remarks=remarks,
    )


def certificate_expiry(objective: Objective, measured: Measured) -> Iterator[Line]:
    """How far the nearest expiry of any certificate on any connection is away."""
    dated: list[tuple[float, Edge]] = [(edge.expires, edge) for edge in measured.edges if edge.expires is not None]
    if not dated:
        yield missing(objective, measured, "edges")
        return
    first, edge = min(dated, key=lambda pair: (pair[0], pair[1].name))
    found = Estimate((first - measured.at) / _DAY, len(dated))
    method = "the first to expire of the certificates on the agent's connections"
    yield judged(objective, "", measurement(found, measured, method), remarks=(f"the first is that of {edge.name}",))


def _some(names: Sequence[str], most: int = 6) -> str:
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
