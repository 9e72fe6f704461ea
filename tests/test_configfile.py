"""The configuration file: what is accepted becomes exactly these values, what is not ends in exactly one sentence."""

import re
import sys
import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config import Cloud, Config, Globs, LimitRule, Notifications, Secret, Timeouts, Tls, VCenter
from exporter.configcloud import CLOUD_KEYS, CLOUD_TLS_KEYS, NOTIFICATION_KEYS, RULE_KEYS
from exporter.configfile import (
    CONFIG_KEYS,
    COPYABLE_LABELS,
    DEFAULT_COUNTERS,
    DEFAULT_INSTANCES,
    GLOB_KEYS,
    VCENTER_KEYS,
    load,
)
from exporter.configmapping import MAPPING_KEYS
from exporter.configparts import TIMEOUT_KEYS, TLS_KEYS
from exporter.configvalues import OPERATIONS, DatabaseUrl
from exporter.driftkinds import DriftKind
from exporter.errors import ConfigError
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS, Kind
from exporter.openstack import operations

ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "fixtures" / "config"
BAD = sorted(path.stem for path in (FIXTURES / "bad").glob("*.yml"))
ENVIRON = {"VC_PASSWORD": "correct-horse", "EMPTY": ""}
SECRET = Secret("correct-horse")
BROKER = Secret("amqps://novacenter:correct-horse@rabbit.example:5671/%2f")
PERFORMANCE = {"counters": dict(DEFAULT_COUNTERS), "instances": dict(DEFAULT_INSTANCES)}

GOOD = {
    "minimal": Config(
        vcenters=(
            VCenter(
                name="vc1",
                url="https://vcenter.example/sdk",
                username="monitor@vsphere.local",
                password=SECRET,
                **PERFORMANCE,
            ),
        )
    ),
    "full": Config(
        listen="[::1]:9272",
        state="data",
        labels=("host", "cluster", "instance_uuid"),
        series_budget=250_000,
        vcenters=(
            VCenter(
                name="vc-1.example_A",
                url="https://vcenter.example:8443/sdk",
                username="0042",
                password=SECRET,
                tls=Tls(
                    ca_file=Path("ca.pem"),
                    client_cert=Path("client.pem"),
                    client_key=Path("client.key"),
                    thumbprint="0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d",
                ),
                timeouts=Timeouts(connect=0.5, read=1.5, total=120.0),
                proxy="http://proxy.example:3128",
                max_reply_bytes=1024**3,
                connections=32,
                objects={
                    Kind.VM: Globs(include=("/DC0/vm/*", "/DC1/vm/*"), exclude=("*/test-*",)),
                    Kind.FOLDER: Globs(include=()),
                },
                counters={
                    **DEFAULT_COUNTERS,
                    Kind.VM: Globs(include=("cpu.usage.average",)),
                    Kind.HOST: Globs(include=DEFAULT_COUNTERS[Kind.HOST].include, exclude=("power.*",)),
                    Kind.DATACENTER: Globs(include=()),
                },
                instances={**DEFAULT_INSTANCES, Kind.VM: False, Kind.HOST: True},
                realtime_interval=40.0,
                historical_interval=1800.0,
            ),
        ),
    ),
    "extension": Config(
        vcenters=(
            VCenter(
                name="vc1",
                url="https://[2001:db8::1]/sdk",
                extension_key="com.example.novacenter",
                tls=Tls(client_cert=Path("client.pem"), client_key=Path("client.key")),
                **PERFORMANCE,
            ),
        )
    ),
    "two_vcenters": Config(
        state="postgresql://sla:correct-horse@db.example/sla",
        vcenters=(
            VCenter(
                name="vc1",
                url="http://127.0.0.1:8989/sdk",
                username="user",
                password=SECRET,
                max_reply_bytes=64 * 1024,
                **PERFORMANCE,
            ),
            VCenter(
                name="vc2",
                url="https://vc2.example/sdk",
                username="user",
                password=SECRET,
                tls=Tls(thumbprint="ab" * 32),
                **PERFORMANCE,
            ),
        ),
    ),
    "clouds_only": Config(
        clouds=(
            Cloud(
                name="c1",
                cloud="production",
                clouds_file=Path("clouds.yaml"),
                regions=("one", "two"),
                notifications=Notifications(url=BROKER),
            ),
            Cloud(
                name="c2",
                auth_url="https://keystone.example:5000/v3",
                username="monitor",
                password=SECRET,
                project_name="admin",
                user_domain_name="users",
                project_domain_name="projects",
                regions=("RegionOne",),
                interface="internal",
                tls=Tls(ca_file=Path("ca.pem"), client_cert=Path("client.pem"), client_key=Path("client.key")),
                timeouts=Timeouts(connect=2.0, read=20.0, total=40.0),
                max_reply_bytes=16 * 1024**2,
                connections=8,
                interval=30.0,
                request_budget=100,
                limits={"create": 1200.0, "power_on": 90.0},
                limit_rules=(
                    LimitRule(7200.0, project="0123456789abcdef" * 2, flavor="big", operation="create"),
                    LimitRule(300.0, operation="delete"),
                ),
            ),
            Cloud(
                name="c3",
                auth_url="http://127.0.0.1:5000/identity/v3",
                application_credential_id="21dced0fd20347869b93710d2b98aae0",
                secret=SECRET,
            ),
            Cloud(
                name="c4",
                auth_url="http://keystone.example/v3",
                username="monitor",
                password=SECRET,
                project_name="admin",
                tls=Tls(insecure=True),
                notifications=Notifications(
                    url=BROKER, exchange="nova_cell1", topic="audit", queue="q:1", tls=Tls(ca_file=Path("ca.pem"))
                ),
            ),
        )
    ),
    "cloud_and_vcenters": Config(
        vcenters=tuple(
            VCenter(name=name, url=f"https://{name}.example/sdk", username="user", password=SECRET, **PERFORMANCE)
            for name in ("vc1", "vc2")
        ),
        clouds=(Cloud(name="c1", cloud="production", vcenters=("vc2", "vc1")),),
    ),
}


@pytest.mark.parametrize("mistake", BAD)
def test_mistake(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mistake ends in exactly the sentence beside it, which quotes none of the passwords in the file."""
    monkeypatch.chdir(FIXTURES / "bad")

    with pytest.raises(ConfigError) as raised:
        load(Path(f"{mistake}.yml"), environ=ENVIRON)

    assert str(raised.value) + "\n" == Path(f"{mistake}.txt").read_text()
    assert "horse" not in "".join(traceback.format_exception(raised.value))


def test_every_sentence_has_its_mistake() -> None:
    """No sentence is left over from a fixture that is gone."""
    assert sorted(path.stem for path in (FIXTURES / "bad").glob("*.txt")) == BAD


@pytest.mark.parametrize("mistake", BAD)
def test_every_sentence_says_what_to_do(mistake: str) -> None:
    """One style: ``FILE:LINE: key: what is wrong; what to do``."""
    sentence = (FIXTURES / "bad" / f"{mistake}.txt").read_text()

    assert re.fullmatch(rf"{mistake}\.yml:\d+: ([\w.\[\]]+: )?[^;\n]+; [^;\n]+\n", sentence)


@pytest.mark.parametrize("name", sorted(path.stem for path in (FIXTURES / "good").glob("*.yml")))
def test_good(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file becomes exactly this configuration."""
    monkeypatch.chdir(FIXTURES / "good")

    assert load(Path(f"{name}.yml"), environ=ENVIRON) == GOOD[name]


def test_paths_are_relative_to_the_file() -> None:
    """Where the file is named by a long path, the files that it names are found beside it."""
    directory = FIXTURES / "good"

    config = load(directory / "full.yml", environ=ENVIRON)

    assert config.state == str(directory / "data")
    assert config.vcenters[0].tls.client_key == directory / "client.key"
    assert load(directory / "minimal.yml", environ={}).vcenters[0].password == SECRET


@pytest.mark.parametrize(("size", "problem"), [(1024**2, "the file is empty"), (1024**2 + 1, "larger than 1024 KiB")])
def test_file_size_is_bounded(tmp_path: Path, size: int, problem: str) -> None:
    """A file of 1 MiB is read, a larger one is not."""
    path = tmp_path / "novacenter.yml"
    path.write_bytes(b"#" * size)

    with pytest.raises(ConfigError, match=problem):
        load(path, environ={})


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The file itself is missing: the sentence names it."""
    path = tmp_path / "novacenter.yml"

    with pytest.raises(ConfigError) as raised:
        load(path, environ={})

    problem = "the file cannot be read (No such file or directory); check that it exists and who may read it"
    assert str(raised.value) == f"{path}: {problem}"


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    """A file in another encoding is refused at its first wrong byte."""
    path = tmp_path / "novacenter.yml"
    path.write_bytes(document(password_env="A").encode() + "# grün\n".encode("latin-1"))

    with pytest.raises(ConfigError) as raised:
        load(path, environ={"A": "x"})

    assert str(raised.value) == f"{path}:6: is not UTF-8; save the file as UTF-8"


def test_password_file_that_is_not_utf8(tmp_path: Path) -> None:
    """A password in another encoding is refused, not guessed."""
    path = tmp_path / "novacenter.yml"
    path.write_text(document(password_file="a.password"))
    (tmp_path / "a.password").write_bytes("grün".encode("latin-1"))

    with pytest.raises(ConfigError) as raised:
        load(path, environ={})

    problem = "vcenters[0].password_file: the password is not UTF-8; store it as UTF-8 text"
    assert str(raised.value) == f"{path}:3: {problem}"


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        (b"plain", "plain"),
        (b"line end\n", "line end"),
        (b"windows\r\n", "windows"),
        (b"\xef\xbb\xbfbom\n", "bom"),
        (b" spaces stay \n", " spaces stay "),
        ("grün & <x>\n".encode(), "grün & <x>"),
    ],
)
def test_password_as_stored(tmp_path: Path, stored: bytes, password: str) -> None:
    """One line end behind a password does not belong to it; everything else does, in files as in the environment."""
    (tmp_path / "a.password").write_bytes(stored)
    path = tmp_path / "novacenter.yml"
    path.write_text(document(password_file="a.password"))
    from_file = load(path, environ={}).vcenters[0].password
    path.write_text(document(password_env="A"))
    from_env = load(path, environ={"A": stored.decode()}).vcenters[0].password

    assert (from_file, from_env) == (Secret(password), Secret(password))


def test_large_password_file(tmp_path: Path) -> None:
    """A path to something endless is not read to its end."""
    path = tmp_path / "novacenter.yml"
    path.write_text(document(password_file="/dev/zero"))

    with pytest.raises(ConfigError, match=r"vcenters\[0\]\.password_file: the file is larger than 64 KiB"):
        load(path, environ={})


def test_environment_that_is_not_utf8(tmp_path: Path) -> None:
    """Bytes that Python could not decode from the environment are refused, not sent to vCenter."""
    path = tmp_path / "novacenter.yml"
    path.write_text(document(password_env="A"))

    with pytest.raises(ConfigError, match="the password is not UTF-8"):
        load(path, environ={"A": "gr\udcf6n"})


@pytest.mark.parametrize(
    ("key", "accepted", "refused"),
    [
        ("name", "a" * 63, "a" * 64),
        ("name", "0", "_a"),
        ("url", "http://localhost/sdk", "http://localhost.example/sdk"),
        ("url", "http://127.255.0.1:8989/sdk", "http://10.0.0.1/sdk"),
        ("url", "http://[::1]/sdk", "http://[::2]/sdk"),
        ("url", "https://vc/a/b", "https://vc/sdk?key=1"),
        ("url", "https://vc:65535/sdk", "https://vc:65536/sdk"),
        ("url", "https://vc/sdk", "https://v c/sdk"),
        ("url", "HTTPS://VC/sdk", "https:///sdk"),
        ("username", "DOM\\me ünïcode", "\ud800"),
        ("username", "a\u00a0b", "a\u0085b"),
        ("proxy", "http://[2001:db8::1]:3128/", "http://proxy:3128/path"),
        ("max_reply", "64KiB", "63KiB"),
        ("max_reply", 4 * 1024**3, 4 * 1024**3 + 1),
        ("connections", 1, 0),
        ("connections", 32, "32"),
        ("realtime_interval", 1, "999ms"),
        ("realtime_interval", "30m", "30.1m"),
        ("historical_interval", "24h", float("inf")),
        ("historical_interval", 1.5, float("nan")),
        ("timeouts", {}, {"read": True}),
        ("objects", {kind.value: {"include": ["[ab]?*"]} for kind in Kind}, {"vm": {"exclude": [""]}}),
    ],
)
def test_edge_of_what_a_vcenter_accepts(tmp_path: Path, key: str, accepted: object, refused: object) -> None:
    """The last value that is accepted, and one beside it that is not."""
    path = tmp_path / "novacenter.yml"
    path.write_text(document(**{"password_env": "A", key: accepted}))
    load(path, environ={"A": "x"})
    path.write_text(document(**{"password_env": "A", key: refused}))

    with pytest.raises(ConfigError, match=rf"^{path}:\d+: vcenters\[0\]\.{key}"):
        load(path, environ={"A": "x"})


@pytest.mark.parametrize(
    ("key", "accepted", "refused"),
    [
        ("listen", "localhost:0", "localhost:-1"),
        ("listen", "[::]:65535", "[::]:65536"),
        ("listen", "0.0.0.0:9272", "[::1:9272"),
        ("listen", "[::1]:9272", "[127.0.0.1]:9272"),
        ("state", "a b", "postgresql://db/a b"),
        ("state", "relative/a:b", "postgresql:u:p@db"),
        ("state", "postgresql:///sla", "postgresql://"),
        ("series_budget", 1, True),
        ("series_budget", 100_000_000, 100_000_001),
        ("labels", list(COPYABLE_LABELS), ["vm"]),
        ("clouds", [], [{}]),
    ],
)
def test_edge_of_what_the_file_accepts(tmp_path: Path, key: str, accepted: object, refused: object) -> None:
    """The last value that is accepted, and one beside it that is not."""
    path = tmp_path / "novacenter.yml"
    path.write_text(document(password_env="A") + yaml.safe_dump({key: accepted}))
    load(path, environ={"A": "x"})
    path.write_text(document(password_env="A") + yaml.safe_dump({key: refused}))

    with pytest.raises(ConfigError, match=rf"^{path}:\d+: {key}"):
        load(path, environ={"A": "x"})


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (f"{'a' * 64}: 1", f"{'a' * 64}: unknown key; use one of: {', '.join(CONFIG_KEYS)}"),
        (f"{'a' * 65}: 1", "has a key that is not a plain word; remove it"),
        (f"listen: {'[' * 14}0{']' * 14}", "listen: must be text, but is a list; write text"),
        (f"listen: {'[' * 15}0{']' * 15}", "is nested too deeply; compare the indentation with the documentation"),
    ],
)
def test_edge_of_what_yaml_is_accepted(tmp_path: Path, written: str, problem: str) -> None:
    """The longest key and the deepest nesting that are read, and one beyond."""
    path = tmp_path / "novacenter.yml"
    path.write_text(written)

    with pytest.raises(ConfigError) as raised:
        load(path, environ={})
    assert str(raised.value).startswith(f"{path}:1: {problem}")


@pytest.mark.parametrize(
    ("key", "accepted", "refused"),
    [
        ("name", "a" * 63, "a" * 64),
        ("interval", 1, "999ms"),
        ("interval", "1h", 3601),
        ("connections", 32, 33),
        ("request_budget", 5, 4),
        ("max_reply", "1MiB", "1023KiB"),
        ("region", "one", ""),
        ("regions", ["one", "two"], ["one", 2]),
        ("interface", "admin", "publicURL"),
        ("vcenters", [], ["vc2"]),
        ("limits", {"create": "168h"}, {"create": "169h"}),
        ("limits", dict.fromkeys(OPERATIONS, 1), {"create": 0}),
        ("notifications", {"url_env": "BROKER"}, {}),
        ("notifications", {"url_env": "BROKER", "queue": "a" * 80}, {"url_env": "BROKER", "queue": "a" * 81}),
        ("notifications", {"url_env": "OPEN", "tls": {"insecure": True}}, {"url_env": "OPEN"}),
        ("limit_rules", [{"flavor": "m1.small", "limit": 1}], [{"flavour": "m1.small", "limit": 1}]),
    ],
)
def test_edge_of_what_a_cloud_accepts(tmp_path: Path, key: str, accepted: object, refused: object) -> None:
    """The last value that is accepted, and one beside it that is not."""
    path = tmp_path / "novacenter.yml"
    environ = {"BROKER": BROKER.reveal(), "OPEN": "amqp://nova:correct-horse@rabbit.example"}
    path.write_text(yaml.safe_dump({"clouds": [{"name": "c1", "cloud": "envvars", key: accepted}]}))
    load(path, environ=environ)
    path.write_text(yaml.safe_dump({"clouds": [{"name": "c1", "cloud": "envvars", key: refused}]}))

    with pytest.raises(ConfigError, match=rf"^{path}:\d+: clouds\[0\]\.{key}"):
        load(path, environ=environ)


def test_notifications_need_their_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the AMQP library a configuration with notifications is refused, and one without them loads."""
    monkeypatch.setitem(sys.modules, "aio_pika", None)
    path = tmp_path / "novacenter.yml"
    cloud = {"name": "c1", "cloud": "envvars"}
    path.write_text(yaml.safe_dump({"clouds": [cloud]}))
    load(path, environ={})
    path.write_text(yaml.safe_dump({"clouds": [{**cloud, "notifications": {"url_env": "BROKER"}}]}))

    with pytest.raises(ConfigError) as raised:
        load(path, environ={"BROKER": BROKER.reveal()})
    assert str(raised.value) == (
        f"{path}:4: clouds[0].notifications: needs an AMQP library that is not installed; "
        "pip install 'novacenter[notifications]'"
    )


def test_limits_are_for_the_operations_that_there_are() -> None:
    """What ``limits`` may name is what the table of operations has a default for."""
    assert sorted(OPERATIONS) == sorted(operations.LIMITS)


def test_host_and_vm_have_counters() -> None:
    """Every kind that has performance counters has defaults, and only VMs are read per instance."""
    assert tuple(DEFAULT_COUNTERS) == (*REALTIME_KINDS, *HISTORICAL_KINDS)
    assert [kind for kind, wanted in DEFAULT_INSTANCES.items() if wanted] == [Kind.VM]


def document(**changes: object) -> str:
    """The YAML of a configuration of one vCenter, with ``changes`` of the vCenter's keys; None removes a key."""
    vcenter = {"name": "vc1", "url": "https://vcenter.example/sdk", "username": "monitor", **changes}
    return yaml.safe_dump({"vcenters": [{key: value for key, value in vcenter.items() if value is not None}]})


def said(path: Path, environ: dict[str, str]) -> str:
    """All that anybody could print after loading ``path``: the error with its chain, or the configuration."""
    try:
        config = load(path, environ=environ)
    except ConfigError as error:
        return "".join(traceback.format_exception(error)) + repr(error)
    vcenters = [*config.vcenters, *(vcenter.password for vcenter in config.vcenters)]
    clouds = [(cloud, cloud.password, cloud.secret, cloud.notifications) for cloud in config.clouds]
    return f"{config} {config!r} {config.state} {config.state!r} {vcenters} {clouds}"


# Letters that no message contains, and the characters that URLs and YAML treat specially.
secrets = st.text(alphabet=st.sampled_from("ΑΒΓΔЖЩ漢字"), min_size=6, max_size=12).flatmap(
    lambda core: st.text(alphabet=":/@?#[]{}!&*|>'\"%,. -\\", max_size=4).map(lambda tail: core + tail + core)
)


def hidden(core: str, text: str) -> bool:
    """No six characters of ``core`` are in ``text``, as they are or escaped."""
    parts = {core[:6], core[-6:]}
    escaped = {part.encode("ascii", "backslashreplace").decode() for part in parts}
    return not any(part in text for part in parts | escaped)


CREDENTIAL = {
    "name": "c1",
    "auth_url": "https://keystone.example",
    "application_credential_id": "0",
    "secret_file": "a.password",
}


@given(secret=secrets, stored=st.sampled_from(["file", "environment", "state", "state query", "cloud", "broker"]))
def test_secret_in_its_place_is_never_printed(
    tmp_path_factory: pytest.TempPathFactory, secret: str, stored: str
) -> None:
    """A password in any of its places is in no str and no repr, whether the configuration loads or not."""
    directory = tmp_path_factory.mktemp("secret")
    (directory / "a.password").write_text(secret)
    places = {
        "file": document(password_file="a.password"),
        "environment": document(password_env="A"),
        "state": document(password_env="A") + yaml.safe_dump({"state": f"postgresql://u:{secret}@db/sla"}),
        "state query": document(password_env="A") + yaml.safe_dump({"state": f"postgresql://db/?password={secret}"}),
        "cloud": yaml.safe_dump({"clouds": [CREDENTIAL]}),
        "broker": yaml.safe_dump({"clouds": [{**CREDENTIAL, "notifications": {"url_env": "BROKER"}}]}),
    }
    (directory / "novacenter.yml").write_text(places[stored])

    assert hidden(secret, said(directory / "novacenter.yml", {"A": secret, "BROKER": f"amqps://u:{secret}@h"}))


PUBLIC = {"username", "extension_key", "objects", "counters"}
"""Keys that hold any text, which is printed."""


@given(
    secret=secrets,
    key=st.sampled_from(sorted(set(VCENTER_KEYS) - PUBLIC)),
    shape=st.sampled_from(
        ["{}", "https://u:{}@h/sdk", "https://h/sdk?{}", "http://u:{}@h", "[{}]", "{{a: {}}}", "!{}"]
    ),
    quoted=st.booleans(),
)
@example(secret="ΑΒΓΔЖЩ!ΑΒΓΔЖЩ", key="proxy", shape="!{}", quoted=False)
@example(secret="ΑΒΓΔЖЩΑΒΓΔЖЩ", key="url", shape="https://u:{}@h/sdk", quoted=True)
def test_secret_out_of_place_is_never_printed(
    tmp_path_factory: pytest.TempPathFactory, secret: str, key: str, shape: str, *, quoted: bool
) -> None:
    """A password that stands as any other value, in YAML that is good or broken, is not in the error."""
    value = shape.format(secret)
    written = yaml.safe_dump(value, allow_unicode=True, width=10_000).removesuffix("...\n") if quoted else value
    path = tmp_path_factory.mktemp("secret") / "novacenter.yml"
    path.write_text(f"vcenters:\n- {key}: {written.strip()}\n")

    with pytest.raises(ConfigError):
        load(path, environ={})
    assert hidden(secret, said(path, {}))


def test_database_url_prints_masked() -> None:
    """However a database URL is printed, it shows its scheme alone; ``reveal`` gives it to the driver."""
    url = DatabaseUrl("postgresql://u:correct-horse@db/sla")

    assert [str(url), f"{url:>20}", "%s" % url, repr(url), repr([url])] == [  # noqa: UP031 - one of the ways to print
        "postgresql://***",
        "    postgresql://***",
        "postgresql://***",
        "'postgresql://***'",
        "['postgresql://***']",
    ]
    assert url.reveal() == "postgresql://u:correct-horse@db/sla"
    assert type(url.reveal()) is str


def test_example_loads(tmp_path: Path) -> None:
    """The example that is installed with the product loads once its files are beside it."""
    path = tmp_path / "novacenter.yml"
    path.write_bytes((ROOT / "deploy" / "novacenter.example.yml").read_bytes())
    (tmp_path / "vc1.password").write_text("correct-horse\n")
    (tmp_path / "vcenter-ca.pem").touch()

    config = load(path, environ={})

    assert [vcenter.name for vcenter in config.vcenters] == ["vc1"]


def manual() -> str:
    """docs/configuration.md."""
    return (ROOT / "docs" / "configuration.md").read_text()


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the first table under ``heading``, by key."""
    section = manual().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE)
    return {key: [cell.strip() for cell in rest.split("|")] for key, rest in rows}


def test_every_key_is_documented() -> None:
    """Each section of docs/configuration.md has a row for each key that the loader knows, and for no other."""
    sections = {
        "The file": CONFIG_KEYS,
        "vcenters": VCENTER_KEYS,
        "tls": TLS_KEYS,
        "timeouts": TIMEOUT_KEYS,
        "include and exclude": GLOB_KEYS,
        "clouds": CLOUD_KEYS,
        "limits": RULE_KEYS,
        "notifications": NOTIFICATION_KEYS,
        "mapping": {**MAPPING_KEYS, **dict.fromkeys(DriftKind)},
    }

    assert {name: sorted(table(name)) for name in sections} == {name: sorted(keys) for name, keys in sections.items()}
    assert sorted(CLOUD_TLS_KEYS) == sorted(set(TLS_KEYS) - {"thumbprint"})


def test_every_kind_label_operation_and_default_counter_is_documented() -> None:
    """docs/configuration.md names the kinds, labels, operations, and the counters that are read by default."""
    counters = {counter for globs in DEFAULT_COUNTERS.values() for counter in globs.include}
    wanted = {kind.value for kind in Kind} | set(COPYABLE_LABELS) | counters | set(OPERATIONS)

    assert sorted(word for word in wanted if f"`{word}`" not in manual()) == []


def test_documented_example_loads(tmp_path: Path) -> None:
    """The example of docs/configuration.md loads and shows every key but those of other ways to log in."""
    text = re.findall(r"^```yaml\n(.*?)^```$", manual(), re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "novacenter.yml").write_text(text)
    for name in ("vc1.password", "ca.pem", "client.pem", "client.key", "c1.password"):
        (tmp_path / name).write_text("x")
    (tmp_path / "c1.broker").write_text(BROKER.reveal())

    load(tmp_path / "novacenter.yml", environ={})

    shown = yaml.safe_load(text)["vcenters"][0]
    assert sorted(set(VCENTER_KEYS) - set(shown)) == ["extension_key", "password_env"]
    assert sorted(set(CLOUD_KEYS) - set(yaml.safe_load(text)["clouds"][0])) == [
        "application_credential_id",
        "cloud",
        "clouds_file",
        "password_env",
        "regions",
        "secret_env",
        "secret_file",
        "tls",
    ]
