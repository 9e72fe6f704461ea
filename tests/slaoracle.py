"""The transition table once more, second by second, as plainly as can be: what the engine is held against.

Written from the table, not from the engine, and made of counters and sets of seconds instead of intervals. A second
``s`` stands for the time from ``s`` to ``s + 1``. It walks through every second, so it needs no arithmetic of instants.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Rules:
    """The parameters of a class, as the table names them."""

    open_after: int = 6
    open_count: int = 2
    clear_after: int = 8
    clear_count: int = 2
    reopen_within: int = 12
    reopen_policy: str = "resume"
    flap_on: int = 4
    flap_off: int = 2
    flap_window: int = 30
    clear_max: int = 20
    unknown_policy: str = "run"
    pausable: bool = True
    orphan_after: int = 15
    limits: dict[str, int] = field(default_factory=lambda: {"resolution": 20, "response": 10})
    closed: set[int] = field(default_factory=set)


@dataclass
class Cycle:
    """What is measured anew when a re-opening begins a new cycle."""

    start: int
    end: int | None = None
    first_end: int | None = None
    acked: int | None = None
    gap: set[int] = field(default_factory=set)
    doubt: set[int] = field(default_factory=set)


@dataclass
class Case:
    """An incident as it goes."""

    start: int
    cycle: Cycle
    state: str = "suspect"
    cycles: list[Cycle] = field(default_factory=list)
    opened: int | None = None
    acked: bool = False
    bads: int = 1
    goods: int = 0
    good_since: int | None = None
    resolved: int | None = None
    over: int | None = None
    lost: bool = False
    last_known: int = 0
    unknown: set[int] = field(default_factory=set)
    doubt: set[int] = field(default_factory=set)
    gone: int | None = None
    changes: list[int] = field(default_factory=list)
    flapping: bool = False
    flaps: int = 0
    reopens: int = 0


class Oracle:
    """Feed it events in order of time, then ask for the outcome at the end."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.now = 0
        self.case: Case | None = None
        self.done: list[Case] = []
        self.maintenance: dict[str, list[int]] = {}
        self.last_bad = 0
        self.heard: tuple[int, set[str]] = (-1, set())

    def until(self, second: int) -> None:
        """Walks to the beginning of ``second``; what time alone does at ``second`` itself is still to come."""
        while self.now < second:
            self.time()
            if self.case and self.case.lost:
                self.case.unknown.add(self.now)
            self.now += 1

    # --- what is observed ------------------------------------------------------------------------------------------

    def observe(self, health: str) -> None:
        """An observation now."""
        if self.heard[0] == self.now and health in self.heard[1]:
            return
        self.heard = (self.now, (self.heard[1] if self.heard[0] == self.now else set()) | {health})
        self.expire()
        case = self.case
        if health == "unknown":
            if case and case.state in {"suspect", "open", "acked", "recovering"} and not case.lost:
                case.lost, case.last_known = True, self.last_bad
            self.time()
            return
        if case and case.state != "resolved":
            self.judge(case, health)
        elif case and health == "down":
            self.again(case)
        elif health == "down":
            self.case = Case(self.now, Cycle(self.now))
        self.last_bad = self.now
        self.time()

    def judge(self, case: Case, health: str) -> None:
        """A good or bad observation of an incident that is not resolved."""
        lost, case.lost, case.gone = case.lost, False, None
        match case.state, health:
            case "suspect", "down":
                case.bads += 1
            case "suspect", "up":
                self.case = None  # a blip
            case "open" | "acked", "up":
                case.state, case.good_since, case.goods = "recovering", self.now, 1
                case.doubt = set(range(case.last_known, self.now)) if lost else set()
                self.changed(case)
            case "recovering", "up":
                case.goods += 1
            case "recovering", "down":
                case.state, case.good_since, case.doubt = ("acked" if case.acked else "open"), None, set()
                case.flaps += 1
                self.changed(case)

    def again(self, case: Case) -> None:
        """Bad while resolved, and not too late."""
        policy = self.rules.reopen_policy
        assert case.resolved is not None
        if policy == "new_cycle":
            case.cycle.doubt |= case.doubt
            case.cycles.append(case.cycle)
            case.cycle = Cycle(self.now)
        else:
            case.cycle.end = None
            if policy == "resume":
                case.cycle.doubt |= case.doubt
                case.cycle.gap |= set(range(case.resolved, self.now))
        case.doubt, case.acked, case.state, case.opened = set(), False, "open", self.now
        case.good_since, case.resolved = None, None
        case.reopens += 1
        self.changed(case)

    def changed(self, case: Case) -> None:
        """One more change between open and recovering."""
        case.changes.append(self.now)
        if sum(change > self.now - self.rules.flap_window for change in case.changes) >= self.rules.flap_on:
            case.flapping = True

    # --- what time does --------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """What happens only after an instant is over: closing and orphaning."""
        case = self.case
        if not case:
            return
        if case.state == "resolved" and case.resolved is not None:
            if self.now - case.resolved > self.rules.reopen_within:
                case.state = "closed"
                self.end(case)
        elif case.gone is not None and self.now - case.gone > self.rules.orphan_after:
            case.state, case.over = "cancelled", case.gone + self.rules.orphan_after
            self.end(case)

    def end(self, case: Case) -> None:
        """Nothing happens to it any more."""
        self.done.append(case)
        self.case = None

    def time(self) -> None:
        """What time alone does at this second."""
        self.expire()
        case, rules = self.case, self.rules
        if not case:
            return
        ready = case.state == "suspect" and not case.lost and case.bads >= rules.open_count
        if ready and self.held(case, case.start) >= rules.open_after:
            case.state, case.opened = "open", self.now
        for _ in range(2):
            if case.state == "recovering" and not case.lost and case.goods >= rules.clear_count:
                assert case.good_since is not None
                wait = rules.clear_after
                if case.flapping:
                    wait = max(wait, min(2 * wait, rules.clear_max))
                if self.held(case, case.good_since) >= wait:
                    case.state, case.resolved, case.cycle.end = "resolved", case.good_since, case.good_since
                    case.gone = None
                    if case.cycle.first_end is None:
                        case.cycle.first_end = case.good_since
            if case.flapping and sum(c > self.now - rules.flap_window for c in case.changes) < rules.flap_off:
                case.flapping = False
        self.expire()

    def held(self, case: Case, since: int) -> int:
        """Seconds since then in which somebody looked."""
        return sum(second not in case.unknown for second in range(since, self.now))

    # --- what operators do -----------------------------------------------------------------------------------------

    def act(self, kind: str, *more: Any) -> None:
        """``ack``, ``cancel``, ``gone``, ``lost`` (the agent died), ``window`` and ``end_window``, now."""
        self.time()
        case = self.case
        if kind == "window":
            self.window(*more)
        elif kind == "end_window":
            for span in [self.maintenance[more[0]]] if more[0] in self.maintenance else []:
                span[1] = max(span[0], min(span[1], self.now))
        elif case and kind == "ack" and case.state in {"open", "recovering"} and not case.acked:
            case.acked = True
            case.state = "acked" if case.state == "open" else case.state
            case.cycle.acked = self.now if case.cycle.acked is None else case.cycle.acked
        elif case and case.state != "resolved":
            if kind == "cancel":
                case.state, case.over = "cancelled", self.now
                self.end(case)
            elif kind == "gone":
                case.gone = self.now if case.gone is None else case.gone
            elif kind == "lost" and not case.lost:
                case.lost, case.last_known = True, self.now
        self.time()

    def window(self, name: str, start: int, end: int) -> None:
        """A window announced now; too late if it has begun."""
        if name not in self.maintenance and self.now <= start:
            self.maintenance[name] = [start, end]

    # --- what came of it -------------------------------------------------------------------------------------------

    def outcome(self) -> list[dict[str, Any]]:
        """Every incident with its timers as they stand at the beginning of this second."""
        self.time()
        cases = [*self.done, *([self.case] if self.case else [])]
        return [self.tell(case) for case in sorted(cases, key=lambda case: case.start)]

    def tell(self, case: Case) -> dict[str, Any]:
        """One incident."""
        return {
            "start": case.start,
            "state": case.state,
            "resolved": case.resolved,
            "reopens": case.reopens,
            "flaps": case.flaps,
            "flapping": case.flapping,
            "timers": [
                self.timer(case, cycle, target) for cycle in [*case.cycles, case.cycle] for target in self.rules.limits
            ],
        }

    def timer(self, case: Case, cycle: Cycle, target: str) -> dict[str, Any]:
        """One timer: which seconds it charges, and when enough of them were over."""
        end = cycle.end if cycle.end is not None else case.good_since if cycle is case.cycle else None
        stops = [end, case.over if cycle is case.cycle else None, self.now]
        if target == "response":
            stops += [cycle.acked, cycle.first_end]
        stop = min(at for at in stops if at is not None)
        span = [second for second in range(cycle.start, stop) if second not in cycle.gap]
        charged = [second for second in span if not self.excluded(case, second)]
        doubt = cycle.doubt | (case.doubt if cycle is case.cycle else set())
        if cycle is case.cycle and case.lost:
            doubt = doubt | set(range(case.last_known, self.now))
        limit = self.rules.limits[target]
        return {
            "target": target,
            "elapsed": len(charged),
            "paused": len(span) - len(charged),
            "gaps": sum(second in cycle.gap for second in range(cycle.start, stop)),
            "certain": sum(second not in doubt for second in charged),
            "crossings": [
                charged[need - 1] + 1 if case.opened is not None and len(charged) >= need else None
                for need in (limit * percent // 100 for percent in (50, 80, 100))
            ],
        }

    def excluded(self, case: Case, second: int) -> bool:
        """Whether no timer of the incident charges the second."""
        in_window = self.rules.pausable and any(start <= second < end for start, end in self.maintenance.values())
        ignored = self.rules.unknown_policy == "pause" and second in case.unknown
        return in_window or ignored or second in self.rules.closed
