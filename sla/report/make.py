"""Material and a period -> the report. Pure: the same input gives the same report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sla.intervals import Interval, Intervals, intersect, length
from sla.model import Window
from sla.policy import IncidentClass, Policy, Target
from sla.report import availability
from sla.report.material import Case, Material
from sla.report.model import (
    ClassReport,
    LateNotice,
    Outcome,
    PolicyReport,
    Quality,
    Report,
    Resource,
    SiteTally,
    Span,
    Statistics,
    Stretch,
    Tally,
    TargetReport,
    Times,
    WindowReport,
)
from sla.report.numbers import statistics, wilson
from sla.report.period import Period
from sla.report.timeline import timeline
from sla.report.verdict import Part, cycles_of, overall, seconds

_RESOURCES = 10
_STRETCHES = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. ``now`` is when the report is made; empty ``classes`` or ``sites`` are all of them.

    ``objectives`` are shares below 1 by class; the empty class is for all that are not named.
    """

    period: Period
    now: float
    classes: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    objectives: Mapping[str, float] = field(default_factory=dict)

    @property
    def until(self) -> float:
        """How far the period can be known."""
        return min(self.period.end, self.now)


class UnknownNameError(ValueError):
    """A class or site was asked for that is not there. The message names those that are."""


def make(material: Material, request: Request) -> Report:
    """The report. Raises UnknownNameError."""
    span = (request.period.start, max(request.period.start, request.until))
    classes = _classes(material, span[1])
    _require("class", request.classes, classes)
    _require("site", request.sites, {case.site for case in material.cases} | _sites(material))
    wanted = {name: class_ for name, class_ in classes.items() if not request.classes or name in request.classes}
    parts = [part for case in material.cases if (part := Part(case, span)).touches and _wanted(case, wanted, request)]
    found = tuple(_class(class_, _of(parts, name), (material, request)) for name, class_ in sorted(wanted.items()))
    period = request.period
    return Report(
        generated_at=request.now,
        period=Span(
            period.start, period.end, span[1], zone=period.zone, label=period.label, seconds=period.end - period.start
        ),
        only_classes=tuple(sorted(request.classes)),
        only_sites=tuple(sorted(request.sites)),
        kept=all(one.kept for one in found),
        classes=found,
        incidents=tuple(part.report for part in parts),
        windows=tuple(_windows(material, span, wanted)),
        late_notices=tuple(_late(material, parts, span)),
        quality=_quality(material, span),
        timeline=timeline(parts),
    )


def _require(what: str, asked: Iterable[str], there: Iterable[str]) -> None:
    known = sorted(name for name in there if name)
    for name in asked:
        if name not in known:
            raise UnknownNameError(
                f"{what} {name!r}: is not in the policy, nor in the log; there are: {', '.join(known) or 'none'}"
            )


def _sites(material: Material) -> set[str]:
    return {site for _, policy in material.policies for site in policy.sites}


def _wanted(case: Case, classes: Mapping[str, IncidentClass], request: Request) -> bool:
    return case.incident.class_ in classes and (not request.sites or case.site in request.sites)


def _of(parts: Iterable[Part], class_: str) -> list[Part]:
    return [part for part in parts if part.case.incident.class_ == class_]


def _classes(material: Material, until: float) -> dict[str, IncidentClass]:
    """As they were at the end of the period; those that are only in incidents, as these began."""
    found = {case.incident.class_: case.terms.class_ for case in material.cases if case.incident.start < until}
    for at, policy in material.policies:
        if at < until:
            found = {**{name: one for name, one in found.items() if name not in policy.classes}, **policy.classes}
    return found


def _class(class_: IncidentClass, parts: Sequence[Part], of: tuple[Material, Request]) -> ClassReport:
    material, request = of
    every = [part for part in parts if overall(part.case).outcome is not Outcome.VOID]
    span = (request.period.start, max(request.period.start, request.until))
    found = availability.basis(every, material.unobserved, span)
    sums = seconds(every)
    targets = tuple(_target(target, every) for target in _targets(class_, every))
    began = sum(1 for part in every if part.case.incident.start >= span[0])
    ids = {part.case.incident.id for part in every}
    objective = request.objectives.get(class_.name, request.objectives.get(""))
    resources = _resources(every)
    # The sums of the agent's looks know no sites.
    usage = [one for one in material.usage if one.class_ == class_.name and not request.sites]
    return ClassReport(
        class_=class_.name,
        description=class_.description,
        severity=class_.severity,
        kept=all(target.total.breached == 0 for target in targets),
        tally=_tally(every, None),
        targets=targets,
        times=_times(every, span),
        seconds=sums,
        availability=(
            availability.incident_time(found, span),
            availability.timeslices(usage, span),
        ),
        budget=None if objective is None else availability.budget(found, objective, _whole(request), until=span[1]),
        began=began,
        mtbf_seconds=length(found.up) / began if began else None,
        cancelled=len(parts) - len(every),
        reopens=_count(material.reopened, ids, span),
        flaps=_count(material.flapped, ids, span),
        resources=resources[:_RESOURCES],
        resources_left_out=max(0, len(resources) - _RESOURCES),
    )


def _whole(request: Request) -> Interval:
    return request.period.start, request.period.end


def _count(happened: Iterable[tuple[str, float]], ids: set[str], span: Interval) -> int:
    return sum(1 for incident, at in happened if incident in ids and span[0] <= at < span[1])


def _targets(class_: IncidentClass, parts: Iterable[Part]) -> Iterable[Target]:
    """Those of the class, and those that only older incidents were judged by."""
    found = {target.name: target for part in parts for target in part.case.terms.class_.targets}
    return (found | {target.name: target for target in class_.targets}).values()


def _target(target: Target, parts: Sequence[Part]) -> TargetReport:
    judged = [part for part in parts if any(one.name == target.name for one in part.case.terms.class_.targets)]
    return TargetReport(
        target=target.name,
        limit_seconds=target.limit,
        until=target.until.value,
        total=_tally(judged, target.name),
        sites=tuple(
            SiteTally(site, _tally([part for part in judged if part.case.site == site], target.name))
            for site in sorted({part.case.site for part in judged})
        ),
    )


def _tally(parts: Iterable[Part], target: str | None) -> Tally:
    """On one target, or on all of a class together."""
    found: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
    provisional = certain = approved = 0
    for part in parts:
        report = part.report
        outcome = report.outcome
        chosen = [timer for timer in report.timers if target in {None, timer.target}]
        if target is not None:
            outcome = chosen[0].outcome
        chosen = [timer for timer in chosen if timer.outcome is outcome]
        found[outcome] += 1
        if outcome is Outcome.MET:
            provisional += any(timer.provisional for timer in chosen)
        if outcome is Outcome.BREACHED:
            certain += any(timer.breach_certain is True for timer in chosen)
            approved += any(timer.breached_approved for timer in chosen)
    met, breached, undecided = (found[outcome] for outcome in (Outcome.MET, Outcome.BREACHED, Outcome.UNDECIDED))
    decided = met + breached
    low, high = wilson(met, decided) or (None, None)
    return Tally(
        incidents=decided + undecided,
        met=met,
        breached=breached,
        undecided=undecided,
        provisional=provisional,
        breached_certain=certain,
        breached_possible=breached - certain,
        breached_approved=approved,
        within_ratio=met / decided if decided else None,
        within_low_ratio=low,
        within_high_ratio=high,
        within_approved_ratio=(decided - approved) / decided if decided else None,
    )


def _times(parts: Sequence[Part], span: Interval) -> Times:
    """Each where it happened in the period."""

    def within(pairs: Iterable[tuple[float, float | None]]) -> Statistics:
        return statistics(at - start for start, at in pairs if at is not None and span[0] <= at < span[1])

    incidents = [part.case.incident for part in parts]
    return Times(
        detect=within((one.start, one.noticed_at) for one in incidents),
        acknowledge=within((cycle.start, cycle.acked_at) for one in incidents for cycle in cycles_of(one)),
        resolve=within((part.case.incident.start, part.resolved_at) for part in parts),
    )


def _resources(parts: Iterable[Part]) -> tuple[Resource, ...]:
    """Those that were down longest first."""
    grouped: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        grouped.setdefault((part.case.incident.resource, part.case.site), []).append(part)
    found = [
        Resource(
            resource=resource,
            site=site,
            incidents=len(own),
            breached=sum(overall(part.case).within(part.span) is Outcome.BREACHED for part in own),
            down_seconds=sum(length(part.down) for part in own),
        )
        for (resource, site), own in grouped.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.down_seconds, one.resource, one.site)))


def _windows(material: Material, span: Interval, classes: Mapping[str, IncidentClass]) -> Iterator[WindowReport]:
    for heard, window in material.windows:
        announced_at = heard if window.announced_at is None else window.announced_at
        if window.start < min(span[1], window.end) and window.end > span[0] and _concerns(window, classes):
            yield WindowReport(
                id=window.id,
                start=window.start,
                end=window.end,
                announced=announced_at <= window.start,
                announced_at=announced_at,
                class_=window.scope.class_,
                resource=window.scope.resource,
                source=window.source,
                comment=window.comment,
            )


def _concerns(window: Window, classes: Mapping[str, IncidentClass]) -> bool:
    return window.scope.class_ in {"", *classes}


def _late(material: Material, parts: Iterable[Part], span: Interval) -> Iterator[LateNotice]:
    incidents = {part.case.incident.id: part.case.incident for part in parts}
    for breach in sorted(material.breaches, key=lambda one: (one.at, one.incident, one.target)):
        if breach.late and breach.incident in incidents and span[0] <= breach.at < span[1]:
            incident = incidents[breach.incident]
            yield LateNotice(
                incident=incident.id,
                class_=incident.class_,
                resource=incident.resource,
                target=breach.target,
                breached_at=breach.at,
                noticed_at=breach.noticed_at,
                delay_seconds=breach.noticed_at - breach.at,
            )


def _quality(material: Material, span: Interval) -> Quality:
    unobserved: Intervals = intersect(material.unobserved, (span,))
    longest = sorted(unobserved, key=lambda one: one[0] - one[1])[:_STRETCHES]
    return Quality(
        observed_seconds=length((span,)) - length(unobserved),
        unobserved_seconds=length(unobserved),
        unobserved=tuple(Stretch(*one) for one in sorted(longest)),
        unobserved_left_out=len(unobserved) - len(longest),
        clock_jumps=tuple(one for one in material.clock_jumps if span[0] <= one.at < span[1]),
        leader_changes=tuple(one for one in material.leader_changes if span[0] <= one.at < span[1]),
        policies=tuple(_in_force(material, span)),
    )


def _in_force(material: Material, span: Interval) -> Iterator[PolicyReport]:
    """Every version that was in force at some instant of the period; the one from before it first."""
    found: Sequence[tuple[float, Policy]] = [one for one in material.policies if one[0] < span[1]]
    for number, (at, policy) in enumerate(found):
        if number + 1 == len(found) or found[number + 1][0] > span[0]:
            yield PolicyReport(at, policy.version)
