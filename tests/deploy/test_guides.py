"""What docs/ and config/ say can be done: every setting exists, every command parses, and the guide for ECS is followed as far as a
stand-in for AWS goes."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import textwrap
import time

import botocore.session
import jmespath
import pytest
from aws import PROXY, ROOT, task_definition
from botocore.validate import ParamValidator
from test_cloudformation import resources, stack  # noqa: F401 (fixtures)
from test_ecs import AWAITED, box, camel, shape
from test_stack import made  # noqa: F401 (fixture)

SETTING = re.compile(r"COGNITO_AUTH_[A-Z][A-Z_]*[A-Z]")
SAID = sorted(
    path
    for pattern in ("config/**/*", "docs/*.md", "README.md", "Dockerfile")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.name != "default.toml"
)
GUIDES = [*sorted((ROOT / "docs").glob("deploy-*.md")), ROOT / "docs/troubleshooting.md"]
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
# later steps ask for is there already (test_stack.py), and the deployment's parameters are compared with the template's. `logs tail`
# is of version 2 of the CLI, which is no Python package.
SHIMS = """
docker() {{
  if [ "$1" = login ]; then cat >/dev/null; fi
  echo "docker $*" >>{calls}
}}
aws() {{
  if [ "$1 $2" = "cloudformation deploy" ]; then
    printf '%s\\n' "$@" "" >>{deploy}
  elif [ "$1 $2" = "logs tail" ]; then
    {aws} logs filter-log-events --log-group-name "$3" --query 'events[].message' --output text
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


def write_a_line(aws) -> None:
    """Into the log of the proxy, as a task of the service does."""
    logs, where = aws.client("logs"), {"logGroupName": "/ecs/gradio-app/proxy", "logStreamName": "proxy/cognito-auth-proxy/1"}
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(**where)
    logs.put_log_events(**where, logEvents=[{"timestamp": int(time.time() * 1000), "message": "a line of the proxy"}])


def steps() -> list[str]:
    """The numbered steps from nothing to a running task."""
    guide = (ROOT / "docs/deploy-ecs.md").read_text()
    way = guide.split("## From nothing to a running task")[1].split("\n## ")[0]
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", way, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


def overrides(deployment: str) -> dict[str, str]:
    words = deployment.split("\n")
    return dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1:] if "=" in word)


def test_the_guide_for_ecs_can_be_followed(follow, made, stack, tmp_path):  # noqa: F811
    write_a_line(made[0])
    # The stack of the stand-in has a key of this name already.
    text = "\n".join(steps()).replace('--name "$STACK/signing-key"', '--name "$STACK/signing-key-of-the-guide"')
    answer = follow(text)
    assert answer.returncode == 0, answer.stderr
    assert "gradio-app-LoadBala" in answer.stdout  # step 7
    assert "2" in answer.stdout.split()  # step 9: wanted tasks
    assert "a line of the proxy" in answer.stdout  # step 9: its log
    docker = (tmp_path / "docker").read_text()
    assert docker.count("docker build") == docker.count("docker push") == 2
    assert re.search(r"--build-arg REVISION=[0-9a-f]{40} ", docker), "the label is the whole commit"
    assert "--desired-delivery-mediums EMAIL" in text, "Cognito would send the password as an SMS, to nobody"
    assert not (tmp_path / "signing-key.pem").exists()
    first, last = (tmp_path / "deploy").read_text().rstrip("\n").split("\n\n")
    given = overrides(first)
    assert "--disable-rollback" in first.split("\n") and "DeletionProtection" not in given
    assert "--disable-rollback" not in last.split("\n") and overrides(last) == {"DeletionProtection": "true"}
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


COPY, REGISTER = (
    next(found for found in blocks(ROOT / "docs/deploy-ecs.md") if word in found)
    for word in ("cp config/ecs/task-definition.json", "register-task-definition")
)


def test_the_task_definition_can_be_registered_as_the_guide_says(follow, tmp_path):
    """The copy: what is registered is what somebody changed in it."""
    answer = follow(COPY + "sed -i 's/gradio-app/page/' task-definition.json\n" + REGISTER)
    assert answer.returncode == 0, answer.stderr
    assert "task-definition/page:" in answer.stdout


def pairs(ours, theirs):
    """Each value of the example beside what the template says there: "…" where it fills it in."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() & theirs.keys():
            yield from pairs(ours[key], theirs[key])
    elif isinstance(ours, list) and isinstance(theirs, list):
        for one, other in zip(ours, theirs, strict=False):
            yield from pairs(one, other)
    else:
        yield ours, theirs


def test_the_guide_finds_every_line_of_the_task_definition_that_has_to_be_changed(follow, stack, tmp_path):  # noqa: F811
    """Those are the ones that the template fills in, but for what anybody may leave as it is."""
    answer = follow(COPY)
    assert answer.returncode == 0, answer.stderr
    shown = {line.split(":", 1)[1] for line in answer.stdout.splitlines()}
    anybodys = {"X86_64", "gradio", "http://127.0.0.1:7860", "off", "4096"}
    example, filled = camel(task_definition()), shape(stack["Resources"]["TaskDefinition"]["Properties"])
    own = {value for value, other in pairs(example["ContainerDefinitions"][1], filled["ContainerDefinitions"][1]) if other == "…"}
    own |= {value for value, other in pairs({**example, "ContainerDefinitions": []}, filled) if other == "…"}
    app, model = example["ContainerDefinitions"][0], filled["ContainerDefinitions"][0]
    own |= {app["Image"], *(value for value, other in pairs(app["LogConfiguration"], model["LogConfiguration"]) if other == "…")}
    assert len(own - anybodys) > 10
    assert {value for value in own - anybodys if not any(value in line for line in shown)} == set()


ONE_OFF = next(found for found in blocks(ROOT / "docs/troubleshooting.md") if "run-task" in found)


def test_doctor_is_run_in_a_task_of_its_own(follow, made):  # noqa: F811
    """What ECS is asked for, as far as its model and the stand-in look; and the words are a command of the proxy's."""
    (text,) = re.findall(r"--overrides '(.*?)'", ONE_OFF)
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RunTask").input_shape
    report = ParamValidator().validate({"taskDefinition": "x", "overrides": json.loads(text)}, model)
    assert not report.has_errors(), report.generate_report()
    (override,) = json.loads(text)["containerOverrides"]
    assert box(task_definition(), override["name"])["logConfiguration"]["options"]["awslogs-stream-prefix"] == "proxy"
    (explain,) = re.findall(r'`(\["explain".*?\])`', (ROOT / "docs/troubleshooting.md").read_text())
    for words in (override["command"], json.loads(explain)):
        answer = subprocess.run([PROXY, *words, "--help"], env={}, capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 0 and words[0] in answer.stdout, answer.stderr
    run, _ = ONE_OFF.split("aws ecs wait")
    # The stand-in forgets the network of its service.
    (query,) = re.findall(r"--query '(services\[0\].*?)'", run)
    assert jmespath.search(query, {"services": [{"networkConfiguration": "x"}]}) == "x"
    subnet = made[0].client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    network = json.dumps({"awsvpcConfiguration": {"subnets": [subnet]}})
    run, count = re.subn(r'"\$\(aws ecs describe-services.*?\)"', f"'{network}'", run, flags=re.DOTALL)
    assert count == 1
    answer = follow("STACK=gradio-app\n" + run + 'echo "$TASK"')
    assert answer.returncode == 0, answer.stderr
    assert ":task/gradio-app/" in answer.stdout
    (task,) = made[0].client("ecs").describe_tasks(cluster="gradio-app", tasks=[answer.stdout.strip()])["tasks"]
    assert task["overrides"] == json.loads(text)


def test_no_guide_wants_a_command_in_a_running_task():
    """ECS Exec needs a root file system that can be written to, and more rights for the role that the application has."""
    assert [path.name for path in SAID if "execute-command" in path.read_text() or "enable-execute" in path.read_text()] == []


def the_output_function() -> str:
    return next(line for text in steps() for line in text.splitlines() if line.startswith("output()"))


def test_tokens_can_be_seen_as_the_page_says(follow, made):  # noqa: F811
    """The rule signs in as the pages' does, comes first, and is for one path and one address; then it is gone again."""
    make, remove = (
        next(found for found in blocks(ROOT / "docs/troubleshooting.md") if word in found) for word in ("create-rule", "delete-rule")
    )
    make = make.replace("HERE=REPLACE", "HERE=198.51.100.7").replace("sleep 15", "true")
    elb = made[0].client("elbv2")
    rules = lambda: {rule["Priority"]: rule for rule in elb.describe_rules(ListenerArn=made[1]["ListenerArn"])["Rules"]}  # noqa: E731
    before = rules()
    context = f"STACK=gradio-app DOMAIN=app.example.com\n{the_output_function()}\n"
    answer = follow(context + make + "declare -p RULE TARGET STACK >kept")
    assert answer.returncode == 0, answer.stderr
    made_rule = rules()["1"]
    assert sorted(condition["Field"] for condition in made_rule["Conditions"]) == ["host-header", "path-pattern", "source-ip"]
    sign_in, forward = sorted(made_rule["Actions"], key=lambda action: action["Order"])
    assert sign_in["AuthenticateCognitoConfig"] == before["100"]["Actions"][0]["AuthenticateCognitoConfig"]
    assert forward["Type"] == "forward"
    answer = follow(". ./kept\n" + remove)
    assert answer.returncode == 0, answer.stderr
    assert rules() == before


def test_what_shows_the_tokens_shows_them_as_doctor_reads_them(follow, tmp_path):
    make = next(found for found in blocks(ROOT / "docs/troubleshooting.md") if "create-rule" in found)
    code = re.search(r"<<'EOF'\n(.*?)^EOF$", make, re.MULTILINE | re.DOTALL)[1]
    names: dict = {}
    exec(code, names)
    fields = {"x-amzn-oidc-data": "e30=.e30=.AAAA", "x-amzn-oidc-identity": "sub", "cookie": "secret"}
    page = names["handler"]({"headers": fields}, None)
    assert page["statusCode"] == 200 and page["headers"]["cache-control"] == "no-store"
    (tmp_path / "headers.txt").write_text(page["body"])
    assert page["body"] == "x-amzn-oidc-data: e30=.e30=.AAAA\nx-amzn-oidc-identity: sub\n"
    # Where the file is not such lines `doctor` says so in place of looking at a token.
    settings = next(found for found in blocks(ROOT / "docs/troubleshooting.md") if "--token-file" in found)
    said = [
        ("output LoadBalancerArn", "arn:aws:elasticloadbalancing:eu-west-2:111122223333:loadbalancer/app/name/0123456789abcdef"),
        ("output UserPoolClientId", "client"),
        ("output UserPoolId", "eu-west-2_pool"),
    ]
    for call, value in said:
        assert call in settings
        settings = settings.replace(f"$({call})", value)
    nowhere = "export HTTPS_PROXY=http://127.0.0.1:9\n"
    answer = follow(f"cognito-auth-proxy() {{ {shlex.quote(str(PROXY))} \"$@\"; }}\n{nowhere}{settings}")
    assert "x-amzn-oidc-accesstoken is missing" in answer.stdout, answer.stdout + answer.stderr


# ---- from here on the stack of the stand-in is taken down: last in this file ----


def section(heading: str) -> list[str]:
    guide = (ROOT / "docs/deploy-ecs.md").read_text()
    return re.findall(r"```sh\n(.*?)```", guide.split(f"## {heading}\n")[1].split("\n## ")[0], re.DOTALL)


def not_found(stderr: str) -> bool:
    """Whether that is all it complains of: a shell of somebody's own goes on after it."""
    return all("NotFound" in line or not line.strip() for line in stderr.splitlines())


def test_a_first_deployment_that_failed_can_be_read_and_undone(follow, made):  # noqa: F811
    write_a_line(made[0])
    look, undo = section("The first deployment failed")
    answer = follow("STACK=gradio-app\n" + look)
    assert answer.returncode == 0, answer.stderr
    assert "a line of the proxy" in answer.stdout
    aws = made[0]
    # The stand-in keeps its pool outside of the stack; what the stack of AWS calls it is the only thing that is put in here.
    words = "aws cloudformation describe-stack-resources"
    assert words in undo
    undo = undo.replace("$(" + words, f"$(: {words}").replace('"$POOL"', made[1]["UserPoolId"])
    answer = follow("STACK=gradio-app\nset +e\n" + undo)
    assert not_found(answer.stderr), answer.stderr
    names = {group["logGroupName"] for group in aws.client("logs").describe_log_groups()["logGroups"]}
    assert not [name for name in names if name.startswith("/ecs/gradio-app/")]
    assert aws.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"] == []
    assert "gradio-app/policy" not in {secret["Name"] for secret in aws.client("secretsmanager").list_secrets()["SecretList"]}
    live = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in live if stack["StackStatus"] != "DELETE_COMPLETE"] == []


def test_it_can_be_taken_down_whole(follow, made, tmp_path):  # noqa: F811
    aws = made[0]
    ecr, secrets, cognito = (aws.client(name) for name in ("ecr", "secretsmanager", "cognito-idp"))
    pool = cognito.create_user_pool(PoolName="gradio-app")["UserPool"]["Id"]
    for name in ("cognito-auth-proxy", "gradio-app"):
        with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
            ecr.create_repository(repositoryName=name)
    answer = follow(f"STACK=gradio-app\nset +e\noutput() {{ echo {pool}; }}\n" + "\n".join(section("Taking it down")))
    assert not_found(answer.stderr), answer.stderr
    assert overrides((tmp_path / "deploy").read_text().rstrip("\n")) == {"DeletionProtection": "false"}
    assert ecr.describe_repositories()["repositories"] == []
    assert "DeletedDate" in secrets.describe_secret(SecretId="gradio-app/signing-key")
    assert pool not in {found["Id"] for found in cognito.list_user_pools(MaxResults=10)["UserPools"]}
