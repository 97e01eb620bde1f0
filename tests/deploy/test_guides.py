"""What docs/ and config/ say can be done: every setting exists, every command parses, and the guide for ECS is followed as far as a
stand-in for AWS goes."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import textwrap

import pytest
from aws import ROOT
from test_cloudformation import resources, stack  # noqa: F401 (fixtures)
from test_ecs import AWAITED
from test_stack import made  # noqa: F401 (fixture)

SETTING = re.compile(r"COGNITO_AUTH_[A-Z][A-Z_]*[A-Z]")
SAID = sorted(
    path
    for pattern in ("config/**/*", "docs/*.md", "README.md", "Dockerfile")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.name != "default.toml"
)
GUIDES = sorted((ROOT / "docs").glob("deploy-*.md"))
# Variables without a key of TOML: where the file is, and the second word that dev mode wants.
BESIDE = {"COGNITO_AUTH_PROXY_CONFIG", "COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE"}


def known() -> set[str]:
    names = set(SETTING.findall((ROOT / "config/default.toml").read_text()))
    keys = set(re.findall(r'"(COGNITO_AUTH_[A-Z_]+)"', (ROOT / "src/config/keys.rs").read_text()))
    assert keys and keys <= names, "default.toml is the reference"
    return names | BESIDE


def test_every_setting_that_is_named_exists():
    wrong = {
        f"{path.relative_to(ROOT)}: {name}" for path in SAID for name in SETTING.findall(path.read_text()) if name not in known() | AWAITED
    }
    assert wrong == set()
    assert len(SAID) > 10


def test_nothing_is_awaited_that_is_there():
    """A setting that has come leaves `AWAITED` in test_ecs.py, so that the proxy's own check sees it from then on."""
    assert AWAITED & known() == set()


def blocks(path: pathlib.Path) -> list[str]:
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", path.read_text(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


@pytest.mark.parametrize("path", [*GUIDES, ROOT / "README.md"], ids=lambda path: path.name)
def test_every_command_parses(path):
    assert blocks(path)
    for block in blocks(path):
        answer = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{block}\n{answer.stderr}"


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        place, _, anchor = target.partition("#")
        if place.startswith("https://"):
            continue
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings], target


# What a stand-in cannot do: Docker, and a deployment with parts that moto's CloudFormation does not know. The stack that the
# later steps ask for is there already (test_stack.py), and the deployment's parameters are compared with the template's.
SHIMS = """
docker() {{
  if [ "$1" = login ]; then cat >/dev/null; fi
  echo "docker $*" >>{calls}
}}
aws() {{
  if [ "$1 $2" = "cloudformation deploy" ]; then
    printf '%s\\n' "$@" >{deploy}
  else
    {aws} "$@"
  fi
}}
"""
VALUES = {
    "DOMAIN=REPLACE.example.com": "DOMAIN=app.example.com",
    "FIRST_USER=REPLACE@example.com": "FIRST_USER=ann@example.com",
}


@pytest.fixture
def follow(made, tmp_path):  # noqa: F811
    """Runs blocks of the guide in one shell, in a copy of what they read, against the stand-in."""
    aws, _ = made
    program = pathlib.Path(sys.executable).with_name("aws")
    (tmp_path / "config").symlink_to(ROOT / "config")
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run([*git, *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    shims = SHIMS.format(calls=tmp_path / "docker", deploy=tmp_path / "deploy", aws=shlex.quote(str(program)))

    def run(text: str) -> subprocess.CompletedProcess:
        for said, value in VALUES.items():
            text = text.replace(said, value)
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | aws.environment
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", shims + text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
        )

    return run


def steps() -> list[str]:
    """The numbered steps from nothing to a running task."""
    guide = (ROOT / "docs/deploy-ecs.md").read_text()
    way = guide.split("## From nothing to a running task")[1].split("\n## ")[0]
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", way, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


def test_the_guide_for_ecs_can_be_followed(follow, stack, tmp_path):  # noqa: F811
    # The stack of the stand-in has a key of this name already.
    text = "\n".join(steps()).replace('--name "$STACK/signing-key"', '--name "$STACK/signing-key-of-the-guide"')
    answer = follow(text)
    assert answer.returncode == 0, answer.stderr
    assert "gradio-app-LoadBala" in answer.stdout  # step 7
    assert "2" in answer.stdout.split()  # step 9: wanted tasks
    docker = (tmp_path / "docker").read_text()
    assert docker.count("docker build") == docker.count("docker push") == 2
    assert not (tmp_path / "signing-key.pem").exists()
    words = (tmp_path / "deploy").read_text().split("\n")
    given = dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1:] if "=" in word)
    assert given.keys() <= stack["Parameters"].keys()
    assert [name for name, one in stack["Parameters"].items() if "Default" not in one and not given.get(name)] == []
    assert given["SigningKeySecretArn"].startswith("arn:aws:secretsmanager:eu-west-2:")
    assert re.fullmatch(r"\d+\.dkr\.ecr\.eu-west-2\.amazonaws\.com/cognito-auth-proxy:\w+", given["ProxyImage"])


def test_a_policy_can_be_changed_as_the_guide_says(follow, made):  # noqa: F811
    aws, outputs = made
    (block,) = [found for found in blocks(ROOT / "docs/deploy-ecs.md") if "put-secret-value" in found]
    answer = follow("STACK=gradio-app GROUP=app-users\n" + block)
    assert answer.returncode == 0, answer.stderr
    secret = aws.client("secretsmanager").get_secret_value(SecretId=outputs["PolicySecretArn"])["SecretString"]
    assert secret == '{"allowed_groups": ["app-users"]}'


def test_the_task_definition_can_be_registered_as_the_guide_says(follow):
    (block,) = [found for found in blocks(ROOT / "docs/deploy-ecs.md") if "register-task-definition" in found]
    answer = follow(block)
    assert answer.returncode == 0, answer.stderr
    assert "task-definition/gradio-app:" in answer.stdout
