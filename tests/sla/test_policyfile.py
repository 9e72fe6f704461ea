# ruff: noqa: E501 - a table of lines and messages reads better unbroken
"""Policy files: what they may say, how they add up, and a sentence for everything else."""

from datetime import date

import pytest

from exporter.slacommand import load_policy
from sla.calendar import Calendar
from sla.policy import Condition, Flap, Guard, IncidentClass, Policy, Reopen, Target, Unknown, Until, policy_of
from sla.policyfile import PolicyError, load

WHOLE = """
severities: [page, ticket]
calendars:
  office: {zone: Europe/Berlin, hours: {mon-thu: 08:00-18:00, fri: ["08:00-12:00", "13:00-16:00"]}, holidays: [2026-12-25]}
sites: {berlin: office, lab: 24x7}
classes:
  backup:
    description: Backups are late
    severity: ticket
    calendar: office
    targets: {response: 15m, internal: {limit: 1d, at_risk: [90, 25], until: resolution}}
    open_after: 5m
    open_count: 1
    clear_after: 0
    clear_count: 2
    reopen_within: 1h
    reopen_policy: total_span
    flap: {on: 4, off: 1, window: 10m, clear_max: 5m}
    unknown_policy: pause
    pausable: false
    orphan_after: 2d
    conditions:
      - {name: late, resource: [job, instance], metric: backup_age_seconds, compare: ">= 86400.5", hold: 2m}
      - {name: errors, resource: [job], metric: backup_errors_total, compare: "> 0", over: 5m, labels: {job: "a|b"}}
      - name: mount
        resource: [host, disk]
        metric: mounted
        compare: "== 0"
        only: {metric: host_state, compare: "!= 2", labels: {state: on, kind: "a|b"}, on: [site, host]}
      - {name: brief, resource: [host], metric: mounted, compare: "== 0", only: {metric: up, on: host}}
      - {name: alert, resource: [alertname], alert: true}
"""


def test_whole() -> None:
    """Every key, with its unit and its type; ``on`` and ``08:00`` are what they look like."""
    day, friday = ((480, 1080),), ((480, 720), (780, 960))
    backup = IncidentClass(
        name="backup",
        description="Backups are late",
        severity="ticket",
        calendar="office",
        targets=(Target("response", 900.0, Until.ACK), Target("internal", 86400.0, Until.RESOLUTION, (25, 90))),
        open_after=300.0,
        open_count=1,
        clear_after=0.0,
        clear_count=2,
        reopen_within=3600.0,
        reopen_policy=Reopen.TOTAL_SPAN,
        flap=Flap(4, 1, 600.0, 300.0),
        unknown_policy=Unknown.PAUSE,
        pausable=False,
        orphan_after=172800.0,
        conditions=(
            Condition("late", ("job", "instance"), "backup_age_seconds", ">=", 86400.5, hold=120.0),
            Condition("errors", ("job",), "backup_errors_total", ">", 0.0, over=300.0, labels=(("job", "a|b"),)),
            Condition(
                "mount",
                ("host", "disk"),
                "mounted",
                only=Guard("host_state", ("site", "host"), "!=", 2.0, (("kind", "a|b"), ("state", "on"))),
            ),
            Condition("brief", ("host",), "mounted", only=Guard("up", ("host",), "==", 1.0)),
            Condition("alert", ("alertname",), alert=True),
        ),
    )
    office = Calendar("office", "Europe/Berlin", (day, day, day, day, friday, (), ()), frozenset({date(2026, 12, 25)}))

    policy = load([("p.yml", WHOLE)])

    assert policy == Policy(
        {"backup": backup}, {"office": office}, {"berlin": "office", "lab": "24x7"}, ("page", "ticket")
    )
    assert policy_of(policy.text) == policy
    assert policy_of(policy.text).version == policy.version


def test_built_in() -> None:
    """The two classes of the contract: resolved within 30 minutes and within 2 hours, no response target."""
    classes = load_policy(None).classes

    assert {name: made.targets for name, made in classes.items()} == {
        "api_communication": (Target("resolution", 1800.0),),
        "storage_connection": (Target("resolution", 7200.0),),
    }
    for made in classes.values():
        assert made.conditions
        assert (made.open_after, made.open_count, made.clear_after, made.clear_count) == (60.0, 3, 120.0, 4)
        assert (made.reopen_within, made.reopen_policy, made.flap) == (600.0, Reopen.RESUME, Flap(5, 2, 1800.0, 1800.0))


def test_a_later_file_adds_and_overrides() -> None:
    """What it does not name stays; the version is another one, of the content and not of the order of writing."""
    first = "classes: {a: {targets: {resolution: 30m}, open_count: 5}, b: {targets: {resolution: 1h}}}"
    second = "classes: {a: {targets: {resolution: 20m}}, c: {targets: {response: 60}}}"

    policy = load([("1", first), ("2", second)])

    assert [made.targets[0].limit for made in policy.classes.values()] == [1200, 3600, 60]
    assert policy.classes["a"].open_count == 5
    assert policy.version != load([("1", first)]).version
    assert (
        policy.version
        == load([("x", second), ("y", "classes: {b: {targets: {resolution: 60m}}, a: {open_count: 5}}")]).version
    )


def test_a_guard_is_part_of_the_version() -> None:
    """Each of its keys makes another policy; without one the version is that of before there were guards."""
    form = "classes: {{a: {{targets: {{r: 1}}, conditions: [{{name: x, resource: [y], metric: z, compare: == 0{}}}]}}}}"
    guards = (
        "",
        ", only: {metric: up, on: [y]}",
        ", only: {metric: on, on: [y]}",
        ", only: {metric: up, on: [x]}",
        ", only: {metric: up, on: [y], compare: '> 1'}",
        ", only: {metric: up, on: [y], labels: {a: b}}",
    )
    policies = [load([("p", form.format(guard))]) for guard in guards]

    assert len({policy.version for policy in policies}) == len(guards)
    assert [policy_of(policy.text) for policy in policies] == policies
    assert policies[0].version == "09f2611378b12aa4"


def test_the_calendar_of_a_site() -> None:
    """A class without a calendar takes the site's, and 24x7 where there is none."""
    policy = load(
        [
            ("p", WHOLE),
            ("q", "classes: {a: {targets: {resolution: 1m}}, n: {targets: {resolution: 1m}, calendar: 24x7}}"),
        ]
    )
    office = policy.calendars["office"]

    assert [policy.calendar(policy.classes["a"], site) for site in ("berlin", "lab", "")] == [office, None, None]
    assert policy.calendar(policy.classes["n"], "berlin") is None
    assert policy.calendar(policy.classes["backup"], "lab") == office


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p:1: the file is empty; write classes: with at least one class"),
        ("classes: [", "p:1: is not YAML that is accepted (expected the node content, but found '<stream end>'); correct this line"),
        ("classes: &a {}", "p:1: is not YAML that is accepted (anchors, aliases, tags and deep nesting are not accepted; write the value out); correct this line"),
        ("\x00", "p:1: contains a control character; remove it"),
        ("class: {}", "p:1: class: unknown key; did you mean classes?"),
        ("classes: 5", "p:1: classes: must be a mapping; write keys and values"),
        ("classes:\n  a: {}", "p:2: classes.a: needs targets; write targets: {resolution: 30m}"),
        ("classes: {a: {targets: {}}}", "p:1: classes.a.targets: needs at least one target; write {resolution: 30m}"),
        ("classes: {a: {targets: {r: 30x}}}", "p:1: classes.a.targets.r: is not a time; write seconds, or a number and ms, s, m, h or d, such as 30m"),
        ("classes: {a: {targets: {r: 0}}}", "p:1: classes.a.targets.r: is out of range; write a time from 1s to 3.16224e+07s"),
        ("classes: {a: {targets: {r: {until: ack}}}}", "p:1: classes.a.targets.r: needs limit; write limit: 30m"),
        ("classes: {a: {targets: {r: 1, r: 2}}}", "p:1: classes.a.targets.r: is there twice, first in line 1; remove one"),
        ("classes: {a: {targets: {r: {limit: 1, at_risk: [100]}}}}", "p:1: classes.a.targets.r.at_risk[0]: must be a whole number from 1 to 99"),
        ("classes: {a: {targets: {r: 1}, severity: high}}", "p:1: classes.a: severity is not one of: critical, major, minor"),
        ("classes: {a: {targets: {r: 1}, calendar: x}}", "p:1: classes.a: calendar is not one of: 24x7"),
        ("classes: {a: {targets: {r: 1}, reopen_policy: no}}", "p:1: classes.a.reopen_policy: is not known; use one of: new_cycle, resume, total_span"),
        ("classes: {a: {targets: {r: 1}, pausable: yes}}", "p:1: classes.a.pausable: is not known; use one of: false, true"),
        ("classes: {a: {targets: {r: 1}, flap: {on: 2, off: 2}}}", "p:1: classes.a.flap: off must be less than on, else flapping would never end"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x}]}}", "p:1: classes.a.conditions[0]: needs name and resource; write resource: [vcenter], the labels that name the resource"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z}]}}", 'p:1: classes.a.conditions[0]: needs either metric and compare, such as compare: "== 0", or alert: true'),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: 0}]}}", 'p:1: classes.a.conditions[0].compare: is no comparison; write one of == != < <= > >= and a number, in quotes, such as "== 0"'),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z-z, compare: < 0}]}}", "p:1: classes.a.conditions[0].metric: is not the name of a metric; use letters, digits and '_'"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], alert: true, labels: {a: '('}}]}}", "p:1: classes.a.conditions[0].labels.a: is no regular expression; put a backslash before what is meant literally"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: == 0, only: {metric: u}}]}}", "p:1: classes.a.conditions[0].only: needs metric and on; write on: [vcenter, host], the labels that both series have alike"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: == 0, only: {metric: u, on: []}}]}}", "p:1: classes.a.conditions[0].only.on: needs at least one label; write [vcenter, host]"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: == 0, only: {metric: u, on: [a-b]}}]}}", "p:1: classes.a.conditions[0].only.on[0]: is not the name of a label; use letters, digits and '_'"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: == 0, only: {metric: u, label: {}}}]}}", "p:1: classes.a.conditions[0].only.label: unknown key; did you mean labels?"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: == 0, only: {metric: u, on: [y], compare: 1}}]}}", 'p:1: classes.a.conditions[0].only.compare: is no comparison; write one of == != < <= > >= and a number, in quotes, such as "== 0"'),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], metric: z, compare: == 0, only: {metric: u, on: [y], labels: {s: '['}}}]}}", "p:1: classes.a.conditions[0].only.labels.s: is no regular expression; put a backslash before what is meant literally"),
        ("classes: {a: {targets: {r: 1}, conditions: [{name: x, resource: [y], alert: true, only: {metric: u, on: [y]}}]}}", "p:1: classes.a.conditions[0].only: is for a metric; remove it, Alertmanager has judged already"),
        ("calendars: {24x7: {}}", "p:1: calendars.24x7: this calendar is never closed and cannot be changed; choose another name"),
        ("calendars: {o: {zone: UTC}}", "p:1: calendars.o: needs zone and hours; write zone: Europe/Berlin and hours: {mon-fri: 08:00-18:00}"),
        ("calendars: {o: {zone: Mars, hours: {mon: 08:00-18:00}}}", "p:1: calendars.o.zone: is no time zone of the IANA database here; write one such as Europe/Berlin"),
        ("calendars: {o: {zone: ../../x, hours: {mon: 08:00-18:00}}}", "p:1: calendars.o.zone: is no time zone of the IANA database here; write one such as Europe/Berlin"),
        ("calendars: {o: {zone: UTC, hours: {fri-mon: 08:00-18:00}}}", "p:1: calendars.o.hours.fri-mon: is no day; write mon, tue, wed, thu, fri, sat, sun, or a range of them such as mon-fri"),
        ("calendars: {o: {zone: UTC, hours: {mon: 18:00-08:00}}}", "p:1: calendars.o.hours.mon: is not a span of hours within a day; write one such as 08:00-18:00, up to 24:00"),
        ("calendars: {o: {zone: UTC, hours: {mon: 24:00-24:30}}}", "p:1: calendars.o.hours.mon: is not a span of hours within a day; write one such as 08:00-18:00, up to 24:00"),
        ("calendars: {o: {zone: UTC, hours: {mon-tue: 08:00-09:00, tue: 08:00-09:00}}}", "p:1: calendars.o.hours.tue: tue is there twice; name each day once"),
        ("calendars: {o: {zone: UTC, hours: {mon: []}}}", "p:1: calendars.o.hours: is never open, so no timer would ever run; name some hours"),
        ("calendars: {o: {zone: UTC, hours: {mon: 08:00-09:00}, holidays: [25.12.]}}", "p:1: calendars.o.holidays[0]: is not a date; write one such as 2026-12-25"),
        ("sites: {a: b}", "p:1: sites.a: is not known; use one of: 24x7"),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    """Each error says where, what and what to write."""
    with pytest.raises(PolicyError) as caught:
        load([("p", text)])
    assert str(caught.value) == message
