"""The command as an operator runs it: in a process of its own, judged by exit code, output and signals."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from externals import require
from vcsimulator import Vcsim

PASSWORD = "pass"


def command(*arguments: str | Path, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """Runs novacenter to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "PW": password},
        check=False,
    )


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Novacenter in the background; killed if it has not ended by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PW": PASSWORD},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], pattern: str, *, of: str = "stdout") -> re.Match[str]:
    """The first line of an output that matches."""
    for line in getattr(process, of):
        found = re.search(pattern, line)
        if found:
            return found
    raise AssertionError(f"no line like {pattern!r}")


def fetch(url: str) -> str:
    """The body of a page."""
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - our own process on loopback
        text: str = reply.read().decode()
        return text


@pytest.fixture
def configured(vcsim_classic: Vcsim, tmp_path: Path) -> Path:
    """A configuration for the small vCenter."""
    file = tmp_path / "novacenter.yml"
    file.write_text(
        f"listen: 127.0.0.1:0\nstate: state\nvcenters:\n  - name: vc1\n    url: {vcsim_classic.url}\n"
        f"    username: {vcsim_classic.user}\n    password_file: password\n"
        f'    tls: {{thumbprint: "{vcsim_classic.thumbprint}"}}\n'
    )
    (tmp_path / "password").write_text(vcsim_classic.password)
    return file


@pytest.mark.external
def test_once(configured: Path) -> None:
    """``once`` prints the page of one cycle, and nothing else on stdout; promtool has nothing to object to."""
    result = command("once", "--config", configured)

    assert (result.returncode, result.stderr) == (0, "") or "config.certificate" in result.stderr
    lint = subprocess.run(
        [require("promtool"), "check", "metrics"], input=result.stdout, capture_output=True, text=True, check=False
    )
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")
    assert 'vsphere_up{vcenter="vc1"} 1.0' in result.stdout


@pytest.mark.external
def test_once_with_a_dead_vcenter(configured: Path) -> None:
    """``once`` exits with 1 where a source failed, says which and why, and still prints what it has."""
    text = configured.read_text()
    extra = text.partition("vcenters:\n")[2].replace("vc1", "gone")
    configured.write_text(text + re.sub(r"127\.0\.0\.1:\d+/", "127.0.0.1:1/", extra))
    result = command("once", "--config", configured)

    assert result.returncode == 1
    assert "vCenter gone: gone (127.0.0.1:1)" in result.stderr
    assert 'vsphere_up{vcenter="vc1"} 1.0' in result.stdout
    assert 'vsphere_up{vcenter="gone"} 0.0' in result.stdout


def test_bad_configuration(tmp_path: Path) -> None:
    """A configuration that cannot be used ends with exit code 2 and one sentence, before anything is started."""
    file = tmp_path / "novacenter.yml"
    file.write_text("listen: 127.0.0.1:0\nvcentres: []\n")
    for name in ("run", "once", "check"):
        result = command(name, "--config", file)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"novacenter: {file}:2: vcentres: unknown key; did you mean vcenters?\n"


def test_command_line() -> None:
    """A wrong command line ends with exit code 2; the version is the package's."""
    assert command("observe").returncode == 2
    assert command("demo", "--for", "soon").returncode == 2
    assert re.fullmatch(r"novacenter \d+\.\d+\.\d+\n", command("--version").stdout)


@pytest.mark.external
def test_run_reload_stop(configured: Path) -> None:
    """``run`` serves until SIGTERM; SIGHUP with a bad file keeps the configuration in force and says so in a metric."""
    with running("run", "--config", configured, "--log-format", "json") as agent:
        url = wait_for(agent, r"(http://\S+)/metrics")[1]
        wait_for(agent, "logged in", of="stderr")
        good = configured.read_text()
        configured.write_text(good + "bogus: 1\n")
        agent.send_signal(signal.SIGHUP)
        said = json.loads(wait_for(agent, "reload failed.*", of="stderr").string)
        assert (said["level"], "bogus" in said["message"]) == ("error", True)
        assert "novacenter_config_last_reload_successful 0.0" in fetch(url + "/metrics")

        configured.write_text(good)
        agent.send_signal(signal.SIGHUP)
        wait_for(agent, "configuration reloaded", of="stderr")

        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=10) == 0
    assert (configured.parent / "state" / "novacenter.db").is_file()


def test_demo_ends_by_itself() -> None:
    """``demo --for`` shows addresses and a line per cycle, and leaves nothing running."""
    result = command("demo", "--for", "4s", "--listen", "127.0.0.1:0", "--hosts", "4", "--vms", "10")

    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["vCenter", "cloud", "metrics", "status"]
    assert "Ctrl-C ends it" in lines
    assert any(re.search(r"demo cloud: ok; \d+ servers, \d+ operations in flight", line) for line in lines)
    assert any(re.search(r"demo realtime: ok; vm \d+, host \d+", line) for line in lines)
    assert lines[-1] == "stopped"


def test_demo_ends_on_interrupt() -> None:
    """Ctrl-C ends the demo cleanly: exit code 0, no traceback, no simulator left."""
    with running("demo", "--listen", "127.0.0.1:0", "--hosts", "4", "--vms", "10") as demo:
        simulator = wait_for(demo, r"vCenter simulator +(https://\S+)")[1]
        wait_for(demo, "realtime: ok")
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=15)

        assert (demo.returncode, err) == (0, "")
        assert out.endswith("stopped\n")
        with pytest.raises(OSError, match="refused"):
            fetch(simulator)
