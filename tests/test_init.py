"""``novacenter init``: whole outputs, which load; secrets in files of their own, nowhere else; nothing overwritten."""

import argparse
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import Config, Secret, Tls
from exporter.configfile import load
from exporter.errors import ConfigError
from exporter.init import Request, add_arguments, run, write

FIXTURES = Path(__file__).parent / "fixtures" / "init"
NOVA = tuple(Path(f"{name}.conf") for name in ("nova", "nova-compute-a", "nova-compute-b", "nova-compute-c"))
CINDER, ML2 = Path("cinder.conf"), Path("ml2_conf.ini")


@pytest.fixture(autouse=True)
def among_fixtures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are named as an operator beside them would."""
    monkeypatch.chdir(FIXTURES)


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def written(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def configuration(folder: Path, text: str) -> tuple[str, Config]:
    """What is made of one nova.conf: the page, and the configuration that it is."""
    (folder / "nova.conf").write_text(text)
    output = folder / "novacenter.yml"
    write(Request(nova=(folder / "nova.conf",), output=output, force=True))
    return output.read_text(), load(output, environ={})


ONE = "[vmware]\nhost_ip = vc.example\nhost_username = nova\nhost_password = correct-horse\n"
LOGIN = "auth_url=https://k\nusername=nova\npassword=correct-battery\nproject_name=service\n"
DOMAINS = "user_domain_name=Default\nproject_domain_name=Default\n"


def test_several_computes_cinder_and_neutron(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """Three computes on two vCenters, Cinder on a third: the whole page, the secrets, and what it loads as."""
    output = tmp_path / "novacenter.yml"

    said = write(Request(nova=NOVA, cinder=(CINDER,), ml2=(ML2,), output=output))

    golden("init-full.yml", output.read_text())
    passwords = {"vcenter01": "vcenter", "vc1": "$edge", "vcenter-archive": "archive", "RegionOne": "keystone"}
    files = {f"{name}.password": f"correct-{word}\n" for name, word in passwords.items()}
    assert {name: (tmp_path / name).read_text() for name in files} == files
    assert {mode(tmp_path / name) for name in files} == {0o600}
    assert written(tmp_path) == sorted([*files, "novacenter.yml"])
    assert said == (
        f"{output}: written",
        *(f"{tmp_path / name}: holds a password, for its owner alone" for name in files),
        f"next: novacenter check --config {output}",
    )
    config = load(output, environ={})
    assert [(vc.name, vc.url, vc.username, vc.password, vc.nova_users, vc.cinder_users) for vc in config.vcenters] == [
        (
            "vcenter01",
            "https://vcenter01.example/sdk",
            "nova@vsphere.local",
            Secret("correct-vcenter"),
            ("nova@vsphere.local",),
            ("cinder@vsphere.local",),
        ),
        (
            "vc1",
            "https://192.0.2.77:8443/sdk",
            "edge@vsphere.local",
            Secret("correct-$edge"),
            ("edge@vsphere.local",),
            (),
        ),
        (
            "vcenter-archive",
            "https://vcenter-archive.example/sdk",
            "cinder@vsphere.local",
            Secret("correct-archive"),
            (),
            ("cinder@vsphere.local",),
        ),
    ]
    [cloud] = config.clouds
    assert (cloud.name, cloud.auth_url, cloud.username, cloud.password, cloud.project_name) == (
        "RegionOne",
        "https://keystone.internal.example:5000/v3",
        "nova",
        Secret("correct-keystone"),
        "service",
    )
    assert (cloud.regions, cloud.interface, cloud.vcenters) == (("RegionOne",), "internal", ("vcenter01", "vc1"))


def test_password_from_the_environment(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """With ``--password-env`` no secret is written at all; the variables are said."""
    output = tmp_path / "novacenter.yml"

    said = write(Request(nova=NOVA, output=output, variable="VC_PASSWORD"))

    golden("init-environment.yml", output.read_text())
    names = ("VC_PASSWORD", "VC_PASSWORD_2", "VC_PASSWORD_KEYSTONE")
    assert written(tmp_path) == ["novacenter.yml"]
    assert said[1:-1] == tuple(f"{name}: set this environment variable to the password" for name in names)
    config = load(output, environ={name: f"correct-{name}" for name in names})
    assert [vcenter.password for vcenter in config.vcenters] == [Secret(f"correct-{name}") for name in names[:2]]


def test_compute_alone(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """A nova.conf that does not say how to log in to Keystone: the cloud is a comment that says what to do."""
    output = tmp_path / "novacenter.yml"

    write(Request(nova=(Path("nova-compute-c.conf"),), ml2=(ML2,), output=output))

    golden("init-compute.yml", output.read_text())
    config = load(output, environ={})
    assert (len(config.vcenters), config.clouds) == (1, ())


@pytest.mark.parametrize("name", ["init-full.yml", "init-environment.yml", "init-compute.yml"])
def test_no_secret_is_in_the_page(name: str) -> None:
    """None of the passwords in the files that were read is in what was written."""
    assert "correct" not in (FIXTURES.parents[1] / "golden" / name).read_text()


def test_trust_is_that_of_nova(tmp_path: Path) -> None:
    """A CA that can be read is named, one that cannot is a comment; without encryption that is said and accepted."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    _, config = configuration(tmp_path, ONE + f"ca_file = {ca}\ninsecure = true\n")
    assert config.vcenters[0].tls == Tls(ca_file=ca)

    page, config = configuration(tmp_path, ONE + "ca_file = relative.pem\n")
    assert config.vcenters[0].tls == Tls()
    assert "# Nova trusts the CA in relative.pem, which cannot be read here. Copy it, and name it:" in page

    clear = LOGIN.replace("https", "http")
    page, config = configuration(tmp_path, f"{ONE}[keystone_authtoken]\n{clear}{DOMAINS}cafile={ca}\n")
    assert config.clouds[0].tls == Tls(insecure=True)
    assert "# Nova speaks to Keystone without encryption" in page


def test_application_credential(tmp_path: Path) -> None:
    """A login by application credential is taken over as such; the secret is in a file."""
    login = "auth_url=https://k\napplication_credential_id=21dc\napplication_credential_secret=correct-staple\n"
    page, config = configuration(tmp_path, f"{ONE}[keystone_authtoken]\n{login}")

    assert (config.clouds[0].application_credential_id, config.clouds[0].secret) == ("21dc", Secret("correct-staple"))
    assert "correct" not in page


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    """If one of the files is there, none is written; with ``--force`` all are, and no link is followed."""
    request = Request(nova=(Path("nova-compute-c.conf"),), output=tmp_path / "novacenter.yml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    elsewhere.chmod(0o644)
    (tmp_path / "vc1.password").symlink_to(elsewhere)

    with pytest.raises(ConfigError) as raised:
        write(request)
    problem = "is there already; name another --output, or add --force to replace it"
    assert str(raised.value) == f"{tmp_path / 'vc1.password'}: {problem}"
    assert written(tmp_path) == ["elsewhere", "vc1.password"]

    write(Request(nova=request.nova, output=request.output, force=True))
    assert elsewhere.read_text() == "precious"
    assert (mode(tmp_path / "vc1.password"), (tmp_path / "vc1.password").is_symlink()) == (0o600, False)
    assert written(tmp_path) == ["elsewhere", "novacenter.yml", "vc1.password"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The error names the file that could not be written."""
    with pytest.raises(ConfigError, match=r"cannot be written \(No such file or directory\); check its"):
        write(Request(nova=NOVA, output=tmp_path / "missing" / "novacenter.yml"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[DEFAULT]\nhost=a\n[api]\nauth_strategy=keystone\n",
            "no [vmware] among [DEFAULT], [api]; give the nova.conf of a host that runs nova-compute",
        ),
        ("", "no [vmware] among no group at all; give the nova.conf of a host that runs nova-compute"),
        (ONE.replace("nova\n", "\n"), "[vmware] host_username is missing; add it there"),
        (
            ONE.replace("correct-horse", ""),
            "[vmware] host_password is missing; add --password-env NAME to take it from the environment",
        ),
        (
            ONE.replace("vc.example", "vc example"),
            "[vmware] host_ip: is not a URL with a host; write for example https://vcenter.example/sdk",
        ),
        (
            ONE + " horse\n",
            (
                "[vmware] host_password: the password contains a line break or control character; "
                "store it alone, in one line"
            ),
        ),
        (
            f"{ONE}[keystone_authtoken]\n{LOGIN.replace('https://k', 'keystone')}",
            "[keystone_authtoken] auth_url: is not a URL with a host; write for example https://keystone.example/v3",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, problem: str) -> None:
    """What cannot be used ends in one sentence that names file and option, quotes no secret, and nothing is written."""
    path = tmp_path / "nova.conf"
    path.write_text(text)

    with pytest.raises(ConfigError) as raised:
        write(Request(nova=(path,), output=tmp_path / "novacenter.yml"))
    said = str(raised.value)
    assert said in {f"{path}: {problem}"}
    assert "horse" not in said
    assert written(tmp_path) == ["nova.conf"]


def test_files_are_bounded(tmp_path: Path) -> None:
    """A file of more than 1 MiB, or of bytes that are no text, is refused."""
    path = tmp_path / "nova.conf"
    for content, problem in ((b"#" * (1024**2 + 1), "is larger than 1024 KiB"), (b"[a]\nb=\xff", "is not UTF-8")):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=problem):
            write(Request(nova=(path,), output=tmp_path / "novacenter.yml"))


def test_variable_that_is_no_name(tmp_path: Path) -> None:
    """A password where the variable's name belongs is refused, and not quoted."""
    with pytest.raises(ConfigError) as raised:
        write(Request(nova=NOVA, output=tmp_path / "n.yml", variable="correct horse"))
    assert str(raised.value).startswith("--password-env: is not the name of an environment variable; ")
    assert "horse" not in str(raised.value)


values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(
    lambda text: " ".join(text.split())
)
ODD = st.sampled_from(
    ["'", '"', "#", ": ", "- ", "{", "}", "[", "*", "$$", "%", "&a", "!t", "null", "yes", "0", "\\n", "é"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(user=values | ODD, cluster=values | ODD, datastores=values | ODD, host=values | ODD, region=values | ODD)
def test_whatever_is_written_loads(
    tmp_path_factory: pytest.TempPathFactory, user: str, cluster: str, datastores: str, host: str, region: str
) -> None:
    """Whatever stands in nova.conf: an error of one sentence, or a page that loads with the user as it was."""
    folder = tmp_path_factory.mktemp("odd")
    text = ONE.replace("= nova", f"= {user}") + f"cluster_name = {cluster}\ndatastore_regex = {datastores}\n"
    text += f"[DEFAULT]\nhost = {host}\n[keystone_authtoken]\n{LOGIN}{DOMAINS}region_name = {region}\n"
    try:
        page, config = configuration(folder, text)
    except ConfigError as error:
        # A value may look like a group, a comment or a continuation; what matters is who refused it: init, not load.
        refused = str(error)
        assert refused.startswith(f"{folder / 'nova.conf'}")
        assert written(folder) == ["nova.conf"]
    else:
        assert config.vcenters[0].password == Secret("correct-horse")
        assert "correct-horse" not in page


def options(*arguments: str) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def test_files_may_be_repeated(tmp_path: Path) -> None:
    """Several files behind one option, or the option several times: the same."""
    said: list[list[str]] = [[], []]
    once, twice = ("nova.conf", "nova-compute-a.conf"), ("nova.conf", "--from-nova-conf", "nova-compute-a.conf")
    for number, files in enumerate((once, twice)):
        output = str(tmp_path / "novacenter.yml")
        assert run(options("--from-nova-conf", *files, "--output", output, "--force"), say=said[number].append) == 0
    assert said[0] == said[1]


def test_the_command(tmp_path: Path) -> None:
    """As an operator runs it: exit code 0 and what was written, or 2 and one sentence; never a password."""

    def novacenter(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "exporter", "init", *arguments]
        environ = {**os.environ, "PYTHONPATH": str(FIXTURES.parents[2])}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=60)

    output = str(tmp_path / "novacenter.yml")
    good = novacenter("--from-nova-conf", "nova.conf", "nova-compute-a.conf", "--output", output)
    again = novacenter("--from-nova-conf", "nova.conf", "nova-compute-a.conf", "--output", output)

    assert (good.returncode, good.stderr) == (0, "")
    assert [line.partition(": ")[2] for line in good.stdout.splitlines()] == [
        "written",
        "holds a password, for its owner alone",
        "holds a password, for its owner alone",
        f"novacenter check --config {output}",
    ]
    assert (again.returncode, again.stdout) == (2, "")
    assert re.fullmatch(r"novacenter: \S+: is there already; [^\n]+\n", again.stderr)
    assert "correct" not in good.stdout + again.stderr
    assert novacenter().returncode == 2
