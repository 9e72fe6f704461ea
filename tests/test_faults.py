"""Every fault of a vCenter ends in a metric and a log line an operator can act on; the next good cycle is complete."""

import logging
import re
from dataclasses import replace

import pytest
from pollerlab import Lab, lab

from exporter.config import Secret
from exporter.errors import LoginRefused, SourceError
from simulator.faults import Fault
from simulator.inventory import Size

ANY_NUMBER_OF_TIMES = None


def whole(kind: str, **details: object) -> Fault:
    """A fault that every QueryPerf meets until it is cleared."""
    return Fault(kind=kind, method="QueryPerf", times=ANY_NUMBER_OF_TIMES, **details)  # type: ignore[arg-type]


SOURCE_FAULTS = {
    "black hole": (whole("black_hole"), "timeout", r"no data for 0\.4 s \(timeouts\.read\); vCenter hangs"),
    "slow drip": (whole("drip", seconds=0.05), "timeout", r"not done within 0\.8 s \(timeouts\.total\)"),
    "reset in mid-body": (whole("reset"), "unreachable", r"the connection broke .* closed it"),
    "truncated XML": (whole("truncate"), "bad_reply", r"not well-formed XML"),
    "500 with a SOAP fault": (whole("soap_fault"), "fault", r"SystemError: A general system error occurred"),
    "HTML from a proxy": (whole("html", status=200), "bad_reply", r"text/html.*check url.*and proxy"),
    "503 from a gateway": (whole("html", status=503), "bad_reply", r"503.*starting, stopping or down"),
    "1 GB answer": (whole("huge"), "too_large", r"max_reply"),
}


@pytest.mark.parametrize("name", SOURCE_FAULTS)
async def test_source_fault(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A vCenter in trouble is down and counted by cause, said once, and complete again with the next good cycle."""
    fault, outcome, sentence = SOURCE_FAULTS[name]
    caplog.set_level(logging.INFO, "novacenter.poller")
    async with lab(max_reply_bytes=400_000) as vc:
        before = vc.entities()
        vc.server.faults.arm(fault)
        for _ in range(3):
            await vc.cycle()

        assert vc.value("vsphere_up") == 0
        assert vc.value("novacenter_cycles_total", schedule="realtime", outcome=outcome) == 3
        said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(said) == 1
        assert re.search(sentence, said[0], re.DOTALL), said[0]

        vc.server.faults.clear()
        await vc.cycle()

        assert vc.value("vsphere_up") == 1
        assert vc.owed() == (0, 0)
        assert vc.entities() == before
        assert "works again after 3 failures" in caplog.records[-1].getMessage()


async def test_the_first_answer_ends_an_outage() -> None:
    """Loops that failed in it and run seldom do not prolong it; a fault that only one of them meets is still told."""
    async with lab() as vc:
        vc.server.halt()
        await vc.poller.keep_alive()
        await vc.poller.historical_cycle()
        await vc.cycle()
        assert vc.value("vsphere_up") == 0

        await vc.server.restart()
        await vc.cycle()
        assert vc.value("vsphere_up") == 1

        vc.server.faults.arm(Fault(kind="soap_fault", method="CurrentTime"))
        await vc.poller.keep_alive()
        await vc.cycle()
        assert vc.value("vsphere_up") == 0


async def test_refused_connection_and_restart(caplog: pytest.LogCaptureFixture) -> None:
    """A vCenter that restarts is unreachable meanwhile; then sessions are gone and counters have other ids."""
    async with lab() as vc:
        before = vc.entities()
        vc.server.halt()
        await vc.cycle()

        assert vc.value("vsphere_up") == 0
        assert vc.value("novacenter_cycles_total", schedule="realtime", outcome="unreachable") == 1
        assert "no connection" in caplog.text

        await vc.server.restart()
        await vc.cycle()
        await vc.cycle()

        assert vc.value("vsphere_up") == 1
        assert vc.owed() == (0, 0)
        assert vc.entities() == before


async def test_stale_series_vanish() -> None:
    """After three intervals without a sample the series are gone; vsphere_up and the last success stay."""
    async with lab() as vc:
        success = vc.value("vsphere_last_success_timestamp_seconds")
        vc.server.halt()
        await vc.cycle()
        await vc.cycle()
        assert vc.entities(), "series outlast a short failure"
        await vc.cycle()
        await vc.cycle()
        await vc.cycle()

        assert vc.entities() == set()
        assert not any(vc.pages["inventory"].values())
        assert vc.value("vsphere_up") == 0
        assert vc.value("vsphere_last_success_timestamp_seconds") == success


async def test_session_ends_in_the_middle_of_a_batch() -> None:
    """The session is renewed once, the request repeated, and nothing is missing."""
    async with lab() as vc:
        vc.server.faults.arm(Fault(kind="expire", method="QueryPerf"))
        await vc.cycle()

        assert vc.value("novacenter_logins_total", outcome="ok") == 2
        assert vc.value("vsphere_up") == 1
        assert vc.owed() == (0, 0)


async def test_restricted_by_administrator() -> None:
    """A historical query over vCenter's limit is cut down to what it takes, and the limit is remembered."""
    async with lab() as vc:
        vc.model.settings["config.vpxd.stats.maxQueryMetrics"] = "5"
        await vc.poller.historical_cycle()
        first = vc.value("novacenter_batches_total", schedule="historical", outcome="fault")
        vc.hands.seconds += 300
        await vc.poller.historical_cycle()

        assert first > 0
        assert vc.value("novacenter_batches_total", schedule="historical", outcome="fault") == first
        assert vc.value("vsphere_up") == 1
        assert any(b"datastore=" in body for body in vc.pages["historical"].values())


async def test_poison_vm(caplog: pytest.LogCaptureFixture) -> None:
    """One VM that fails every query it is in is left alone; all others are complete, in the same cycle."""
    async with lab(size=Size(hosts=4, vms=60)) as vc:
        poison = sorted(moid for moid in vc.entities() if moid.startswith("vm-"))[17]
        others = vc.entities() - {poison}
        vc.server.faults.poison = frozenset({poison})
        await vc.cycle()

        assert vc.value("novacenter_entities_quarantined", kind="vm") == 1
        assert vc.value("vsphere_up") == 1
        assert vc.entities() >= others
        assert poison in caplog.text

        vc.server.faults.clear()
        for _ in range(4):
            await vc.cycle()

        assert vc.value("novacenter_entities_quarantined", kind="vm") == 0
        assert vc.owed() == (0, 0)


async def test_entity_deleted_between_plan_and_query() -> None:
    """An entity that is gone when it is asked for costs nothing but itself."""
    async with lab() as vc:
        gone = min(moid for moid in vc.entities() if moid.startswith("vm-"))
        others = vc.entities() - {gone}
        vc.server.faults.arm(Fault(kind="delete", method="QueryPerf", moid=gone))
        await vc.cycle()

        assert vc.value("vsphere_up") == 1
        assert vc.entities() == others
        assert vc.owed() == (0, 0)


async def test_clock_skew() -> None:
    """A vCenter whose clock is 40 s ahead loses no sample, and the skew is a metric."""
    async with lab() as vc:
        vc.model.skew = 40.0
        for _ in range(3):
            await vc.poller.keep_alive()
            await vc.cycle()

        assert vc.value("vsphere_clock_skew_seconds") == pytest.approx(40.0, abs=1.0)
        assert vc.owed() == (0, 0)
        assert vc.value("vsphere_up") == 1


async def test_certificate_changed(caplog: pytest.LogCaptureFixture) -> None:
    """A vCenter that shows another certificate than the pinned one is not spoken to."""
    async with lab() as vc:
        vc.server.change_certificate()
        calls = vc.server.faults.calls.total()
        await vc.cycle()

        assert vc.value("novacenter_cycles_total", schedule="realtime", outcome="certificate") == 1
        assert "thumbprint" in caplog.text
        assert vc.server.faults.calls.total() == calls


async def test_wrong_password(caplog: pytest.LogCaptureFixture) -> None:
    """A refused password is tried again on a slow schedule only, so that the account is not locked."""
    async with lab() as vc:
        wrong = Lab(vc.hands, vc.model, vc.server, replace(vc.vcenter, password=Secret("wrong-horse")))
        tried = vc.server.faults.calls["Login"]
        for _ in range(20):
            vc.hands.seconds += 1
            with pytest.raises(LoginRefused):
                await wrong.poller.list_inventory()
        await wrong.poller.close()

        assert vc.server.faults.calls["Login"] - tried == 1
        assert "wrong-horse" not in caplog.text


async def test_slow_cycle_is_caught_up() -> None:
    """Samples that a slow cycle skipped are asked for again, each exactly once, and offered with their times."""
    async with lab() as vc:
        await vc.cycle(seconds=100)

        assert vc.owed() == (0, 0)
        assert vc.value("novacenter_samples_late_total", kind="vm") == 4 * len(
            [moid for moid in vc.entities() if moid.startswith("vm-")]
        )
        assert {len(series.times) for series in vc.late} == {4}


async def test_restart_of_the_agent_is_caught_up() -> None:
    """A new agent goes on from the saved marks: the pause is filled as far as vCenter remembers."""
    async with lab() as vc:
        marks = vc.poller.marks()
        await vc.poller.close()
        vc.hands.seconds += 600
        vc.poller = vc.new_poller(marks)
        await vc.poller.list_inventory()
        await vc.cycle()

        assert vc.owed() == (0, 0)
        assert {len(series.times) for series in vc.late} == {30}


async def test_two_vcenters_are_strangers() -> None:
    """While one vCenter hangs, the other's cycle is whole."""
    async with lab() as sick, lab() as well:
        sick.server.faults.arm(whole("black_hole"))
        await sick.cycle()
        await well.cycle()

        assert sick.value("vsphere_up") == 0
        assert well.value("vsphere_up") == 1
        assert well.owed() == (0, 0)


def test_errors_name_their_outcome() -> None:
    """No two causes are counted under one name."""
    kinds = SourceError.__subclasses__()
    assert len({kind.outcome for kind in kinds}) == len(kinds)
