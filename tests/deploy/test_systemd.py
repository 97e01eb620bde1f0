"""config/systemd/cognito-auth-proxy.service, as systemd itself reads it."""

import configparser
import re
import subprocess

import pytest
from aws import PROXY, ROOT, check, signing_key

FILE = ROOT / "config/systemd/cognito-auth-proxy.service"


def analyze(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def installed(directory, text: str):
    """The unit beside a binary that is there: systemd looks for it."""
    unit = directory / FILE.name
    unit.write_text(text.replace("/usr/local/bin/cognito-auth-proxy", str(PROXY)))
    return unit


@pytest.fixture
def service():
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(FILE.read_text())
    return parser["Service"]


def test_systemd_has_nothing_against_it(tmp_path):
    answer = analyze("verify", installed(tmp_path, FILE.read_text()))
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("good", "bad"),
    [("ProtectSystem=strict", "ProtectSystem=very"), ("RestrictRealtime=yes", "RestrictRealTime=yes"), ("=network-online.target", "= :")],
)
def test_systemd_would_have_noticed(tmp_path, good, bad):
    assert good in FILE.read_text()
    assert analyze("verify", installed(tmp_path, FILE.read_text().replace(good, bad))).stderr


def test_little_is_left_of_what_it_could_do():
    answer = analyze("security", "--offline=true", "--threshold=15", FILE)
    assert answer.returncode == 0, answer.stdout
    assert analyze("security", "--offline=true", "--threshold=10", FILE).returncode != 0, "lower the threshold"


def test_it_may_raise_its_limit_of_open_files(service):
    """As it does at the start (docs/limits.md): a filter that leaves this out refuses it."""
    allowed = analyze("syscall-filter", "@system-service").stdout
    groups = re.findall(r"^ +(@[\w-]+)$", allowed, re.MULTILINE)
    named = allowed + "".join(analyze("syscall-filter", group).stdout for group in groups)
    assert "prlimit64" in named.split()
    refused = [line for line in FILE.read_text().splitlines() if line.startswith("SystemCallFilter=~")]
    assert refused == ["SystemCallFilter=~@privileged"]
    assert "prlimit64" not in analyze("syscall-filter", "@privileged").stdout.split()
    assert int(service["LimitNOFILE"]) > 16384


def test_it_is_waited_for_reloaded_and_not_started_again_for_a_bad_configuration(service):
    drains = re.findall(r'^drain_\w+ = "(\d+)s"', (ROOT / "config/default.toml").read_text(), re.MULTILINE)
    assert len(drains) == 2
    assert int(service["TimeoutStopSec"]) > sum(map(int, drains))
    assert service["ExecReload"] == "kill -HUP $MAINPID"
    assert service["RestartPreventExitStatus"] == "64"
    assert check({}).returncode == 64


def test_the_key_comes_as_a_credential_that_the_proxy_accepts(service, tmp_path):
    name, path = service["LoadCredential"].split(":")
    assert path == "/etc/cognito-auth-proxy/signing-key.pem"
    variable, value = service["Environment"].split("=")
    assert value == f"%d/{name}"
    key = tmp_path / name
    key.write_text(signing_key())
    guide = (ROOT / "docs/deploy-systemd.md").read_text()
    (config,) = re.findall(r"^ *```toml\n(.*?)^ *```$", guide, re.MULTILINE | re.DOTALL)
    policy = tmp_path / "policy.json"
    policy.write_text((ROOT / "config/policy.example.json").read_text())
    assert '"/etc/cognito-auth-proxy/policy.json"' in config
    file = tmp_path / "config.toml"
    file.write_text(config.replace("/etc/cognito-auth-proxy/policy.json", str(policy)))
    answer = check({variable: str(key), "COGNITO_AUTH_PROXY_CONFIG": str(file)})
    assert answer.returncode == 0, answer.stderr
