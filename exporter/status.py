"""The status page: what is wrong, where, since when; as HTML for people and JSON for programs. Pure.

Made to be read in the middle of the night: the first line says whether anything is wrong.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from html import escape

MOST = 20
"""Names shown of a list that may be long; how many more there are is said."""

CERTIFICATE_WARNING = 14.0
"""Days before a certificate's end at which the page begins to call it a problem."""

_LONGEST = 600
"""Characters shown of an error."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1b1b; }
h1 { font-size: 1.3rem; padding: .7rem 1rem; color: #fff; overflow-wrap: anywhere; }
h1.good { background: #1a6b35; }
h1.bad { background: #a81c1c; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .3rem; overflow-wrap: anywhere; }
h2 b { color: #fff; padding: 0 .5rem; border-radius: .2rem; }
.up { background: #1a6b35; }
.down { background: #a81c1c; }
.unknown { background: #6b6b6b; }
li { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; border-top: 1px solid #ddd; }
th { font-weight: normal; color: #555; width: 11rem; }
td { overflow-wrap: anywhere; }
a { margin-right: 1rem; }
"""


class State(StrEnum):
    """Whether the last cycle of a source succeeded; unknown before the first has ended."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One vCenter or cloud. ``url`` carries no credentials; times are seconds since the epoch; None is unknown.

    ``since`` is when ``state`` began, ``entities`` kind -> number, ``samples_age`` seconds of the newest samples,
    ``quarantined`` the entities and ``counters_missing`` the counters left out, ``certificate_days`` days left.
    Of a cloud, ``overdue`` are operations in flight for longer than their limit, ``troubles`` what its services lack.
    """

    name: str
    url: str
    state: State
    since: float | None = None
    last_error: str = ""
    last_success: float | None = None
    version: str = ""
    entities: Mapping[str, int]
    samples_age: float | None = None
    quarantined: tuple[str, ...] = ()
    counters_missing: tuple[str, ...] = ()
    pace: str = ""
    cycle_seconds: float | None = None
    certificate_days: float | None = None
    overdue: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeStatus:
    """One edge: ``trust`` is plain, unverified, tls or mutual, empty where it is unknown, and ``error`` says why.

    ``certificate_days`` are left of its first certificate to end; ``of_source`` where a source tells of it, too.
    """

    name: str
    trust: str
    certificate_days: float | None = None
    error: str = ""
    of_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The agent at the instant ``now``. ``reload_error`` is why the newest configuration is not in force, or empty.

    ``incidents`` are sentences on open SLA incidents, the most urgent first. ``findings`` are sentences on what does
    not fit together between the clouds and the vCenters, of ``found`` in all.
    """

    version: str
    started: float
    now: float
    sources: tuple[SourceStatus, ...]
    incidents: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    found: int = 0
    reload_error: str = ""
    series: int = 0
    series_budget: int = 0
    dropped: tuple[str, ...] = ()
    edges: tuple[EdgeStatus, ...] = ()


def problems(status: Status) -> tuple[str, ...]:
    """What is wrong, as sentences that say where and since when; the gravest first."""
    found = [] if status.sources else ["no source is configured"]
    for state in (State.DOWN, State.UNKNOWN):
        found += [_not_up(source, status.now) for source in status.sources if source.state is state]
    if status.incidents:
        count = _count(len(status.incidents), "SLA incident is", "SLA incidents are")
        found.append(f"{count} open: {status.incidents[0]}")
    for source in status.sources:
        found += _troubles(source)
    for edge in status.edges:
        if not edge.of_source and edge.certificate_days is not None and edge.certificate_days < CERTIFICATE_WARNING:
            found.append(f"{edge.name}: a certificate {_expiry(edge.certificate_days)}")
    if status.found:
        found.append(f"{_count(status.found, 'object does', 'objects do')} not fit together between cloud and vCenter")
    if status.reload_error:
        found.append(
            f"the configuration could not be reloaded, the one before is in force: {_short(status.reload_error)}"
        )
    if status.dropped:
        found.append(
            f"{status.series:,} series exceed the budget of {status.series_budget:,}: "
            f"{_count(len(status.dropped), 'family is', 'families are')} left out"
        )
    return tuple(found)


def to_json(status: Status) -> str:
    """The status as a JSON object; instants are RFC 3339 in UTC, null is unknown, lists are whole."""
    return json.dumps(
        {
            "problems": problems(status),
            "version": status.version,
            "now": _instant(status.now),
            "started": _instant(status.started),
            "reload_error": status.reload_error,
            "series": status.series,
            "series_budget": status.series_budget,
            "dropped": status.dropped,
            "incidents": status.incidents,
            "found": status.found,
            "findings": status.findings,
            "sources": [_object(source) for source in status.sources],
            "edges": [
                {"name": one.name, "trust": one.trust or None, "days": one.certificate_days, "error": one.error}
                for one in status.edges
            ],
        },
        indent=2,
    )


def to_html(status: Status) -> str:
    """The page, complete: no script, and nothing to load."""
    found = problems(status)
    up = sum(source.state is State.UP for source in status.sources)
    if found:
        mood, first = "bad", f"{_count(len(found), 'problem', 'problems')}: {found[0]}"
    else:
        mood, first = "good", f"All is well: {up} of {_count(len(status.sources), 'source', 'sources')} up"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width">\n',
        f"<title>{'OK' if not found else f'{len(found)} wrong'} - novacenter</title>\n<style>{_STYLE}</style>\n",
        f'</head>\n<body>\n<h1 class="{mood}">{escape(first)}</h1>\n',
        _list(found[1:]),
        _sentences("SLA incidents", status.incidents, count=len(status.incidents), command="novacenter sla status"),
        *(_section(source, status.now) for source in status.sources),
        _sentences("cloud and vCenter", status.findings, count=status.found, command="novacenter check"),
        _trust(status.edges),
        _agent(status),
        '<p><a href="/metrics">metrics</a> <a href="/status.json">status.json</a> <a href="/late">late samples</a> ',
        '<a href="/-/ready">ready</a> <a href="/-/healthy">healthy</a></p>\n</body>\n</html>\n',
    ]
    return "".join(parts)


def content_security_policy() -> str:
    """The Content-Security-Policy under which ``to_html`` still looks right: its own style, nothing else."""
    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _not_up(source: SourceStatus, now: float) -> str:
    since = f" since {_ago(source.since, now)}" if source.since is not None else ""
    if source.state is State.UNKNOWN:
        return f"{source.name} is not yet known{since}: {_short(source.last_error) or 'its first cycle is not over'}"
    return f"{source.name} is down{since}: {_short(source.last_error) or 'no error was recorded'}"


def _troubles(source: SourceStatus) -> Iterator[str]:
    if source.certificate_days is not None and source.certificate_days < CERTIFICATE_WARNING:
        yield f"{source.name}: a certificate {_expiry(source.certificate_days)}"
    yield from (f"{source.name}: {trouble}" for trouble in source.troubles)
    if source.overdue:
        count = _count(len(source.overdue), "operation is", "operations are")
        yield f"{source.name}: {count} in flight for longer than the limit: {source.overdue[0]}"
    if source.quarantined:
        yield f"{source.name}: {_count(len(source.quarantined), 'entity is', 'entities are')} left out, asking fails"


def _section(source: SourceStatus, now: float) -> str:
    entities = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in source.entities.items())
    rows = [
        ("state", f"{source.state} since {_ago(source.since, now)}" if source.since is not None else source.state),
        ("last success", _ago(source.last_success, now) if source.last_success is not None else "never"),
        ("last error", _short(source.last_error)),
        ("url", source.url),
        ("version", source.version),
        ("entities", entities),
        ("newest samples", _span(source.samples_age, " old")),
        ("cycle", _span(source.cycle_seconds)),
        ("pace", source.pace),
        ("certificate", _expiry(source.certificate_days) if source.certificate_days is not None else ""),
        ("beyond the limit", _some(source.overdue)),
        ("left out, asking fails", _some(source.quarantined)),
        ("counters it lacks", _some(source.counters_missing)),
    ]
    return f'<h2><b class="{source.state}">{source.state}</b> {escape(source.name)}</h2>\n{_table(rows)}'


def _sentences(title: str, sentences: tuple[str, ...], *, count: int, command: str) -> str:
    """A section of the first of ``count`` sentences; nothing where there is none. ``command`` lists all."""
    if not count:
        return ""
    more = count - len(sentences[:MOST])
    rest = [f"and {more:,} more: {command} lists them"] if more > 0 else []
    return f"<h2>{title}</h2>\n{_list([*sentences[:MOST], *rest])}"


def _trust(edges: Iterable[EdgeStatus]) -> str:
    """How each edge is trusted; nothing before they were looked at."""
    rows = []
    for edge in edges:
        ends = _expiry(edge.certificate_days) if edge.certificate_days is not None else ""
        rows.append((edge.name, ", ".join(filter(None, (edge.trust or "unknown", ends, _short(edge.error))))))
    return f"<h2>trust</h2>\n{_table(rows)}" if rows else ""


def _agent(status: Status) -> str:
    rows = [
        ("version", status.version),
        ("now", _instant(status.now)),
        ("started", _ago(status.started, status.now)),
        ("series", f"{status.series:,} of at most {status.series_budget:,}"),
        ("families left out", _some(status.dropped)),
        ("reload", _short(status.reload_error) or "the newest configuration is in force"),
    ]
    return f"<h2>agent</h2>\n{_table(rows)}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and texts; what has no text is left out."""
    lines = [f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>\n" for name, text in rows if text]
    return f"<table>\n{''.join(lines)}</table>\n"


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>\n" for sentence in sentences)
    return f"<ul>\n{items}</ul>\n" if items else ""


def _object(source: SourceStatus) -> dict[str, object]:
    return {
        "name": source.name,
        "url": source.url,
        "state": source.state.value,
        "since": _optional(source.since),
        "last_error": source.last_error,
        "last_success": _optional(source.last_success),
        "version": source.version,
        "entities": dict(source.entities),
        "samples_age_seconds": source.samples_age,
        "quarantined": source.quarantined,
        "counters_missing": source.counters_missing,
        "pace": source.pace,
        "cycle_seconds": source.cycle_seconds,
        "certificate_days": source.certificate_days,
        "overdue": source.overdue,
        "troubles": source.troubles,
    }


def _instant(time: float) -> str:
    """RFC 3339, in UTC, to the second."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _optional(time: float | None) -> str | None:
    return None if time is None else _instant(time)


def _ago(time: float, now: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC ({_span(max(0.0, now - time))} ago)"


def _span(seconds: float | None, after: str = "") -> str:
    """A length of time in the one unit that tells enough; nothing where it is unknown."""
    if seconds is None:
        return ""
    for size, limit, unit in ((86400, 172800, "d"), (3600, 7200, "h"), (60, 120, "min")):
        if seconds >= limit:
            return f"{seconds / size:.0f} {unit}{after}"
    return f"{seconds:.0f} s{after}" if seconds >= 10 else f"{seconds:.1f} s{after}"


def _expiry(days: float) -> str:
    return f"expired {-days:.0f} days ago" if days < 0 else f"expires in {days:.0f} days"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more:,} more" if more > 0 else "")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
