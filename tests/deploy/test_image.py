"""What is in the image, without running it: who it says it is, two files, and the names of every crate in the binary."""

import json
import os
import pathlib
import re
import runpy
import ssl
import struct
import subprocess
import sys
import tarfile
import tomllib

import pytest

from engine import IMAGE, ROOT, pod

# Twice what it is, so that a second TLS stack or debug symbols are seen.
LARGEST = 24_000_000


@pytest.fixture(scope="module")
def settings():
    return json.loads(pod("image", "inspect", IMAGE).stdout)[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Every file of the image, and the archive that it is in."""
    archive = tmp_path_factory.mktemp("image") / "root.tar"
    container = pod("create", IMAGE).stdout.strip()
    pod("export", f"--output={archive}", container)
    pod("rm", container)
    with tarfile.open(archive) as opened:
        yield opened, {member.name: member for member in opened if not member.isdir()}


@pytest.fixture(scope="module")
def crates(files):
    """What the binary says it was made of."""
    archive, members = files
    read = runpy.run_path(str(ROOT / ".ci/sbom.py"))["crates"]
    return read(archive.extractfile(members["cognito-auth-proxy"]).read())


def test_says_what_it_is(settings, manifest):
    revision = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in settings["Labels"].items()}
    assert labels.pop("description")
    assert labels.pop("io.buildah.version", "") is not None  # by the tool that builds here
    assert labels == {
        "title": manifest["name"],
        "licenses": manifest["license"],
        "version": manifest["version"],
        "revision": revision,
        "base.name": "scratch",
    }
    version = pod("run", "--rm", IMAGE, "--version").stdout.strip()
    assert version == f"{manifest['name']} {manifest['version']} ({revision[:12]})"


def test_default_version_of_the_dockerfile_is_the_manifests(manifest):
    defaults = re.findall(r"^ARG VERSION=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert defaults == [manifest["version"]]


def test_builds_with_the_toolchain_of_the_repository():
    channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    [version] = re.findall(r"^FROM rust:(\S+)-slim-bookworm AS build$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert channel in (version, f"{version}.0") or channel.startswith(version + ".")


def test_settings_are_those_of_a_sidecar(settings):
    config = settings["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/cognito-auth-proxy"]
    assert not config.get("Cmd")
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert not config.get("Volumes")
    assert settings["Healthcheck"]["Test"] == ["CMD", "/cognito-auth-proxy", "healthcheck"]
    assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in config["Env"]
    # No variable of the machine or the step that built it.
    assert {line.split("=")[0] for line in config["Env"]} <= {"PATH", "SSL_CERT_FILE"}


def test_holds_the_binary_and_the_roots_and_nothing_else(files):
    """So: no shell, no package manager, nothing of the machine that built it."""
    _, members = files
    assert set(members) == {"cognito-auth-proxy", "etc/ssl/certs/ca-certificates.crt"}
    for name, member in members.items():
        assert member.isreg(), name
        assert (member.uid, member.gid) == (0, 0), name
        assert not member.mode & 0o6022, f"{name} is setuid or writable: {member.mode:o}"


def test_binary_is_static(files, tmp_path):
    archive, members = files
    binary = archive.extractfile(members["cognito-auth-proxy"]).read()
    headers, size, number = *struct.unpack_from("<Q", binary, 0x20), *struct.unpack_from("<HH", binary, 0x36)
    kinds = {struct.unpack_from("<I", binary, headers + index * size)[0] for index in range(number)}
    interpreter, dynamic = 3, 2
    assert interpreter not in kinds, "it asks for a dynamic loader"
    assert dynamic in kinds, "not position-independent: its addresses would be the same everywhere"


def test_size_is_bounded(settings, figures):
    figures["image"] = f"{settings['Size']:,} bytes of {LARGEST:,} at most"
    assert settings["Size"] < LARGEST


def test_names_every_crate_of_the_binary(crates, manifest):
    """Each as the lock file has it, and none that only the tests use."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    locked = {(package["name"], package["version"]) for package in lock}
    named = {(package["name"], package["version"]) for package in crates}
    assert named <= locked
    [root] = [package for package in crates if package.get("root")]
    assert (root["name"], root["version"]) == (manifest["name"], manifest["version"])
    names = {package["name"] for package in crates if package.get("kind", "runtime") == "runtime"}
    assert {"aws-lc-rs", "hyper", "rustls", "tokio"} <= names
    assert not {"divan", "proptest", "tempfile"} & names
    direct = tomllib.loads((ROOT / "Cargo.toml").read_text())["dependencies"]
    assert set(direct) <= names


def test_a_scanner_finds_the_crates_in_the_image(crates, tmp_path):
    """Syft, which knows nothing of us, reads the image as it would be pushed. It leaves out what only ran while building."""
    pod("save", "--format=docker-archive", f"--output={tmp_path}/image.tar", IMAGE)
    command = [pathlib.Path(sys.executable).parent / "syft", "scan", "--quiet", "--output=json", "docker-archive:image.tar"]
    settings = os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false"}
    found = json.loads(subprocess.check_output(command, cwd=tmp_path, env=settings))["artifacts"]
    assert {artifact["foundBy"] for artifact in found} == {"cargo-auditable-binary-cataloger"}
    linked = {(crate["name"], crate["version"]) for crate in crates if crate.get("kind") != "build"}
    assert {(artifact["name"], artifact["version"]) for artifact in found} == linked


def test_roots_verify_what_keys_are_fetched_from(files, tmp_path):
    archive, members = files
    bundle = pathlib.Path(tmp_path / "roots.pem")
    bundle.write_bytes(archive.extractfile(members["etc/ssl/certs/ca-certificates.crt"]).read())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    subjects = {dict(pair for part in root["subject"] for pair in part).get("commonName") for root in context.get_ca_certs()}
    # The authorities that sign for amazonaws.com.
    assert {"Amazon Root CA 1", "Starfield Services Root Certificate Authority - G2"} <= subjects
