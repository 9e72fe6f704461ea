"""The transitions of an incident: an event in, the facts that follow and the incident after them out. Pure.

At one instant, observations come before what time alone does, and that before anything else: so an incident whose
hold-down ends with a good observation was never open, whether or not somebody looked at that very instant.
"""

from typing import TypeAlias

from sla import facts
from sla.edges import closing, is_flapping, next_edge
from sla.incident import ONGOING, TERMINAL, Incident, State, apply, identify
from sla.intervals import deadline
from sla.model import Ack, Approve, Cancel, Gone, Health, Observation
from sla.policy import Reopen
from sla.timers import Terms

Step: TypeAlias = tuple[Incident, tuple[facts.Fact, ...]]


class Course:
    """An incident, its terms, and the facts found so far, each applied as it is found, which is at ``now``."""

    def __init__(self, incident: Incident, terms: Terms, now: float) -> None:
        self.incident = incident
        self.terms = terms
        self.now = now
        self.facts: list[facts.Fact] = []

    def tell(self, fact: facts.Fact) -> None:
        """One more fact."""
        self.facts.append(fact)
        self.incident = apply(self.incident, fact)

    def advance(self, until: float, *, whole: bool = True) -> None:
        """All that time does before ``until``, and if ``whole``, at it."""
        while (edge := next_edge(self.incident, self.terms, self.now)) and (
            edge.at < until or (whole and edge.at == until and not edge.after)
        ):
            self.tell(edge.fact)

    @property
    def step(self) -> Step:
        """The result."""
        return self.incident, tuple(self.facts)


def begin(observation: Observation, terms: Terms, policy: str) -> Step:
    """The incident that a bad observation may be the beginning of (rows 1, 16)."""
    fact = facts.ObservedBad(
        incident=identify(observation.class_, observation.resource, observation.at),
        at=observation.at,
        class_=observation.class_,
        resource=observation.resource,
        labels=observation.labels,
        policy=policy,
        paused=any(start <= observation.at < end for start, end in terms.maintenance),
    )
    course = Course(apply(None, fact), terms, observation.at)
    course.facts.append(fact)
    course.advance(observation.at)
    return course.step


def advance(incident: Incident, terms: Terms, now: float) -> Step:
    """Time passes."""
    course = Course(incident, terms, now)
    course.advance(now)
    return course.step


def observe(incident: Incident, observation: Observation, terms: Terms, *, known_until: float) -> Step:
    """An observation; ``known_until`` is when the last one that judged was. The incident may be closed by then."""
    course = Course(incident, terms, observation.at)
    course.advance(observation.at, whole=False)
    match observation.health:
        case Health.DOWN:
            _bad(course, observation.at)
        case Health.UP:
            _good(course, observation.at)
        case Health.UNKNOWN:
            _unknown(course, observation.at, known_until)
    if not course.incident.flapping and is_flapping(course.incident, terms, observation.at):
        course.tell(facts.FlappingOn(incident=incident.id, at=observation.at))
    course.advance(observation.at)
    return course.step


def _bad(course: Course, at: float) -> None:
    incident, class_ = course.incident, course.terms.class_
    match incident.state:
        case State.SUSPECT if incident.bad_count < class_.open_count or _matters(incident):
            count = min(incident.bad_count + 1, class_.open_count)
            course.tell(facts.StillBad(incident=incident.id, at=at, count=count))
        case State.OPEN | State.ACKED if _matters(incident):
            course.tell(facts.StillBad(incident=incident.id, at=at, count=incident.bad_count))
        case State.RECOVERING:
            course.tell(facts.Flapped(incident=incident.id, at=at))
        case State.RESOLVED:
            _bad_again(course, at)


def _bad_again(course: Course, at: float) -> None:
    incident, class_ = course.incident, course.terms.class_
    resolved_at = incident.start if incident.resolved_at is None else incident.resolved_at
    if at > deadline(resolved_at, class_.reopen_within, course.terms.rebases):
        course.tell(closing(incident, course.terms).fact)
        return
    policy = class_.reopen_policy
    cycle = len(incident.cycles) + (2 if policy is Reopen.NEW_CYCLE else 1)
    course.tell(facts.Reopened(incident=incident.id, at=at, policy=policy.value, cycle=cycle))


def _good(course: Course, at: float) -> None:
    incident, class_ = course.incident, course.terms.class_
    match incident.state:
        case State.SUSPECT:
            course.tell(facts.Blip(incident=incident.id, at=at))
        case State.OPEN | State.ACKED:
            known = incident.known_until if incident.unobserved_since is not None else None
            course.tell(facts.Recovering(incident=incident.id, at=at, known_until=known))
        case State.RECOVERING if incident.good_count < class_.clear_count or _matters(incident):
            count = min(incident.good_count + 1, class_.clear_count)
            course.tell(facts.StillGood(incident=incident.id, at=at, count=count))


def _matters(incident: Incident) -> bool:
    """Whether an observation that changes no state still ends something."""
    return incident.unobserved_since is not None or incident.vanished_since is not None


def _unknown(course: Course, at: float, known_until: float) -> None:
    incident = course.incident
    if incident.state in ONGOING and incident.unobserved_since is None:
        course.tell(facts.Unobserved(incident=incident.id, at=at, known_until=known_until))


def idle(incident: Incident | None, terms: Terms | None) -> frozenset[Health]:
    """The observations that change nothing before the next edge."""
    if incident is None or terms is None or incident.state is State.RESOLVED:
        return frozenset({Health.UP, Health.UNKNOWN})
    if incident.unobserved_since is not None:
        return frozenset({Health.UNKNOWN})
    if incident.vanished_since is not None:
        return frozenset()
    enough_bad = incident.bad_count >= terms.class_.open_count
    enough_good = incident.good_count >= terms.class_.clear_count
    if incident.state is State.RECOVERING:
        return frozenset({Health.UP}) if enough_good else frozenset()
    return frozenset({Health.DOWN}) if enough_bad or incident.state is not State.SUSPECT else frozenset()


def unobserve(incident: Incident, terms: Terms, since: float, *, now: float) -> Step:
    """Nobody looked from ``since`` to ``now`` (row 20), nor does anybody until the next observation."""
    course = Course(incident, terms, now)
    course.advance(since)
    at = max(since, course.incident.seen)
    if course.incident.state in ONGOING and course.incident.unobserved_since is None and at < now:
        course.tell(facts.Unobserved(incident=incident.id, at=at, known_until=at))
    course.advance(now)
    return course.step


def command(incident: Incident, order: Ack | Cancel | Approve, terms: Terms) -> Step:
    """What an operator decides about the incident."""
    course = Course(incident, terms, order.at)
    course.advance(order.at)
    if course.incident.state not in TERMINAL:
        match order:
            case Ack():
                _ack(course, order)
            case Cancel():
                _cancel(course, order)
            case Approve():
                _approve(course, order)
    course.advance(order.at)
    return course.step


def _ack(course: Course, order: Ack) -> None:
    incident = course.incident
    if incident.acked or incident.opened_at is None or order.at < incident.opened_at:
        return
    if incident.state in {State.OPEN, State.RECOVERING}:
        late = incident.state is State.RECOVERING
        course.tell(facts.Acked(incident=incident.id, at=order.at, actor=order.actor, late=late))


def _cancel(course: Course, order: Cancel) -> None:
    incident = course.incident
    since = incident.opened_at if incident.reopens else incident.start
    if incident.state in ONGOING and since is not None and order.at >= since:
        reason = order.reason.value
        course.tell(facts.Cancelled(incident=incident.id, at=order.at, reason=reason, actor=order.actor))


def _approve(course: Course, order: Approve) -> None:
    incident = course.incident
    if order.window in incident.requested and order.window not in incident.approved:
        at, actor = order.at, order.actor
        course.tell(facts.ExclusionApproved(incident=incident.id, at=at, window=order.window, actor=actor))


def reapply(incident: Incident, policy: str, order: tuple[float, str]) -> Step:
    """The incident under another policy (row 26); its crossings are found again. ``order`` is when and by whom."""
    at, actor = order
    fact = facts.Reapplied(incident=incident.id, at=at, policy=policy, actor=actor)
    return apply(incident, fact), (fact,)


def vanish(incident: Incident, event: Gone, terms: Terms) -> Step:
    """The resource has left the inventory (row 28)."""
    course = Course(incident, terms, event.at)
    course.advance(event.at)
    if course.incident.state in ONGOING and course.incident.vanished_since is None:
        course.tell(facts.Vanished(incident=incident.id, at=event.at))
    course.advance(event.at)
    return course.step
