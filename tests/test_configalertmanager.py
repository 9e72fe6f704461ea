"""The section sla.alertmanager: what is accepted becomes these values, what is not ends in one sentence."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Alertmanager, Credentials, Push, Secret, Timeouts, Tls, Webhook
from exporter.configalertmanager import PUSH_KEYS
from exporter.configfile import ALERTMANAGER, load
from exporter.errors import ConfigError

MANUAL = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text()
URL = "http://127.0.0.1:9093"
HORSE = Secret("correct-horse")


def read(directory: Path, section: Any) -> Alertmanager | None:
    """What a file with this section becomes."""
    file = directory / "novacenter.yml"
    vcenter = {"name": "vc1", "url": "https://vcenter.example/sdk", "username": "u", "password_env": "PW"}
    file.write_text(yaml.safe_dump({"vcenters": [vcenter], "sla": {"alertmanager": section}}))
    (directory / "secret").write_text("correct-horse\n")
    return load(file, environ={"PW": "correct-horse"}).sla.alertmanager


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"urls": [URL]}, Alertmanager((URL,))),
        (
            {
                "urls": ["https://am1.example/am/", "https://am2.example/am/"],
                "username": "novacenter",
                "password_file": "secret",
                "tls": {"thumbprint": "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d"},
                "timeouts": {"total": "10s"},
                "max_reply": "1MiB",
                "interval": "30s",
                "class_label": "kind",
                "resource_label": "what",
                "longest_silence": "8h",
                "webhook": {"username": "am", "password_env": "PW", "max_body": "1MiB"},
                "push": {"interval": "1m", "labels": {"region": "north", "cluster": "a"}},
            },
            Alertmanager(
                urls=("https://am1.example/am/", "https://am2.example/am/"),
                credentials=Credentials(HORSE, "novacenter"),
                tls=Tls(thumbprint="0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d"),
                timeouts=Timeouts(total=10.0),
                max_reply_bytes=1024**2,
                interval=30.0,
                class_label="kind",
                resource_label="what",
                longest_silence=8 * 3600.0,
                webhook=Webhook(Credentials(HORSE, "am"), 1024**2),
                push=Push(60.0, (("cluster", "a"), ("region", "north"))),
            ),
        ),
        (
            {"urls": [URL], "token_env": "PW", "webhook": {"token_file": "secret"}, "push": {}},
            Alertmanager((URL,), credentials=Credentials(HORSE), webhook=Webhook(Credentials(HORSE)), push=Push()),
        ),
    ],
    ids=["minimal", "full", "token"],
)
def test_good(tmp_path: Path, section: Any, expected: Alertmanager) -> None:
    """Defaults, every key, and tokens in place of users."""
    assert read(tmp_path, section) == expected


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "sla.alertmanager.urls: is missing; list"),
        ({"urls": []}, "sla.alertmanager.urls: names no member; write for example http://127.0.0.1:9093"),
        ({"urls": [URL, URL]}, "sla.alertmanager.urls[1]: is there twice, first as urls[0]; remove one"),
        ({"urls": ["127.0.0.1:9093"]}, "sla.alertmanager.urls[0]: is not the URL of an Alertmanager"),
        ({"urls": ["http://u:correct-horse@am.example"]}, "sla.alertmanager.urls[0]: contains a user or password"),
        ({"urls": ["http://["]}, "sla.alertmanager.urls[0]: is not a URL"),
        ({"urls": [f"{URL}/api/v2/"]}, "sla.alertmanager.urls[0]: names the API; write the URL without /api/v2"),
        ({"url": URL}, "sla.alertmanager.url: unknown key; did you mean urls?"),
        ({"urls": [URL], "username": "u"}, "sla.alertmanager.username: needs a password"),
        ({"urls": [URL], "password_env": "PW"}, "sla.alertmanager.password_env: needs username beside it"),
        (
            {"urls": [URL], "username": "u", "token_env": "PW"},
            "sla.alertmanager.username: cannot be combined with token_env",
        ),
        (
            {"urls": [URL], "token_env": "PW", "token_file": "secret"},
            "sla.alertmanager.token_env: cannot be combined with token_file",
        ),
        (
            {"urls": [URL], "username": "u:v", "password_env": "PW"},
            "sla.alertmanager.username: contains a colon",
        ),
        (
            {"urls": ["http://am.example:9093"], "token_env": "PW"},
            "sla.alertmanager.urls: would send the credentials unencrypted",
        ),
        ({"urls": [URL], "class_label": "sla-class"}, "sla.alertmanager.class_label: is not the name of a label"),
        ({"urls": [URL], "webhook": {}}, "sla.alertmanager.webhook: says not whom to let in"),
        ({"urls": [URL], "push": {"labels": {"a.b": "c"}}}, "sla.alertmanager.push.labels.a.b: is not the name"),
        ({"urls": [URL], "push": {"labels": {"class": "c"}}}, "sla.alertmanager.push.labels.class: is a label that"),
        ({"urls": [URL], "push": {"interval": "0s"}}, "sla.alertmanager.push.interval: is out of range"),
    ],
)
def test_bad(tmp_path: Path, section: Any, said: str) -> None:
    """One sentence with the key, and without the secret."""
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        read(tmp_path, section)
    assert "horse" not in str(caught.value)


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for each key, and no other; its examples load."""
    tables = {"alertmanager": ALERTMANAGER.keys, "webhook": ALERTMANAGER.webhook, "push": PUSH_KEYS}
    for heading, keys in tables.items():
        section = MANUAL.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        assert sorted(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == sorted(keys), heading


def test_the_documented_example_loads(tmp_path: Path) -> None:
    """The example under alertmanager is accepted."""
    section = MANUAL.split("## alertmanager\n", 1)[1]
    example = yaml.safe_load(textwrap.dedent(re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[0]))
    for name in ("alertmanager.password", "webhook.token"):
        (tmp_path / name).write_text("x")
    found = read(tmp_path, example["sla"]["alertmanager"])
    assert found is not None
    assert (len(found.urls), found.push) == (2, Push(30.0, (("region", "north"),)))
