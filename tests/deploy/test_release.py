"""A release, rehearsed with the image of this run: what is handed out, and what is refused."""

import datetime
import hashlib
import json
import os
import re
import subprocess
import tarfile
import tomllib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from engine import HERE, IMAGE, ROOT

RELEASE = ROOT / "release"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def release(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"ENGINE": str(HERE / "pod")} | environment
    command = [str(ROOT / ".ci/release"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def stem(manifest_version):
    done = release("--rehearse", IMAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"cognito-auth-proxy-{manifest_version}-{os.uname().machine}-linux"


@pytest.fixture(scope="module")
def manifest_version():
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]


def test_archive_holds_what_an_operator_needs_and_nobodys_name(stem):
    with tarfile.open(RELEASE / f"{stem}.tar.gz") as archive:
        members = {member.name.removeprefix(stem + "/"): member for member in archive}
        assert {
            "cognito-auth-proxy",
            "man/cognito-auth-proxy.1",
            "man/cognito-auth-proxy-run.1",
            "completions/cognito-auth-proxy.bash",
            "completions/cognito-auth-proxy.fish",
            "completions/cognito-auth-proxy.zsh",
            "config/default.toml",
            "CHANGELOG.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
        } <= set(members)
        assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
        assert len({member.mtime for member in members.values()}) == 1
        assert all(member.size for member in members.values() if member.isreg())


def test_checksums_are_of_the_files(stem):
    sums = dict(reversed(line.split("  ")) for line in (RELEASE / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {f"{stem}.tar.gz", f"{stem}.cdx.json"}
    for name, expected in sums.items():
        assert hashlib.sha256((RELEASE / name).read_bytes()).hexdigest() == expected


def test_bill_of_materials_is_valid_and_names_what_the_lock_file_has(stem, manifest_version):
    text = (RELEASE / f"{stem}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    assert bill["metadata"]["component"]["version"] == manifest_version
    locked = {(each["name"], each["version"]) for each in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    named = {(each["name"], each["version"]) for each in bill["components"]}
    assert named < locked
    assert "rustls" in {name for name, _ in named}


def test_the_same_commit_gives_the_same_files(stem):
    before = (RELEASE / "SHA256SUMS").read_text()
    assert release("--rehearse", IMAGE).returncode == 0
    assert (RELEASE / "SHA256SUMS").read_text() == before


def test_a_commit_without_tag_is_refused(manifest_version):
    tags = subprocess.check_output(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, text=True).split()
    if f"v{manifest_version}" in tags:
        assert release(IMAGE).returncode == 0
    else:
        done = release(IMAGE)
        assert done.returncode == 1
        assert f"no tag v{manifest_version}" in done.stderr


def test_an_image_of_another_commit_is_refused():
    done = release("--rehearse", "docker.io/library/python:3.11-slim-bookworm")
    assert done.returncode == 1
    assert "the image says version" in done.stderr


def test_an_unclean_tree_is_refused():
    stray = ROOT / "stray-file-of-a-test"
    stray.touch()
    try:
        done = release("--rehearse", IMAGE)
    finally:
        stray.unlink()
    assert done.returncode == 1
    assert "not clean" in done.stderr


def test_changelog_has_its_form():
    """Keep a Changelog: versions fall, each with its day; groups by their names, in their order, each with lines."""
    titles = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert titles[0] == "Unreleased"
    versions = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d{2}-\d{2})", title) for title in titles[1:]]
    assert all(versions), titles
    numbers = [tuple(int(part) for part in version.groups()[:3]) for version in versions]
    assert numbers == sorted(set(numbers), reverse=True)
    days = [datetime.date.fromisoformat(version[4]) for version in versions]
    assert days == sorted(days, reverse=True)
    known = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for text in re.split(r"^## .+$", CHANGELOG, flags=re.MULTILINE)[1:]:
        groups = re.findall(r"^### (.+)$", text, re.MULTILINE)
        assert groups == sorted(set(groups), key=known.index)
        assert all(re.search(r"^- \S", group, re.MULTILINE) for group in re.split(r"^### .+$", text, flags=re.MULTILINE)[1:])


def test_version_of_the_manifest_is_released_or_the_next(manifest_version):
    released = re.findall(r"^## (\d+\.\d+\.\d+) ", CHANGELOG, re.MULTILINE)
    as_numbers = [tuple(int(part) for part in each.split(".")) for each in [manifest_version, *released[:1]]]
    assert as_numbers == sorted(as_numbers, reverse=True)
