"""What linters say of the files that build and run things."""

import pathlib
import subprocess
import sys

import pytest

from engine import ROOT

TOOLS = pathlib.Path(sys.executable).parent


def tracked(*patterns: str) -> list[str]:
    names = subprocess.check_output(["git", "ls-files", "--", *patterns], cwd=ROOT, text=True).split()
    assert names, f"no file is named {patterns}"
    return names


def lint(tool: str, *arguments: str) -> None:
    done = subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerfiles():
    names = tracked("Dockerfile", "**/Dockerfile")
    assert len(names) >= 2
    lint("hadolint", "--failure-threshold=info", *names)


def test_shell_scripts():
    names = tracked(".ci/*", "tests/**/*.sh", "tests/deploy/pod", ":!*.py")
    lint("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *names)


def test_yaml():
    rules = "{extends: default, rules: {line-length: {max: 140}, document-start: disable, truthy: {check-keys: false}}}"
    lint("yamllint", "--strict", "--config-data", rules, *tracked("config/*.yml"))


@pytest.mark.parametrize("name", [".dockerignore"])
def test_build_reads_nothing_that_is_not_listed(name):
    """So that no key, token or target directory that lies about can get into a layer."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert all(line.startswith("!") for line in lines[1:])
