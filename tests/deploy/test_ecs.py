"""config/ecs/task-definition.json: accepted by ECS as far as that can be known here, hardened, and made of settings that exist."""

import copy

import pytest
from aws import ACCOUNT, REGION, ROOT, check, signing_key, stand_in, task_definition, template
from taskdef import faults

# Settings that this file may use before the code has them. Names leave this set when config/default.toml gets them.
AWAITED = set()
SETTINGS = (ROOT / "config/default.toml").read_text()


@pytest.fixture(scope="module")
def aws():
    with stand_in() as running:
        yield running


@pytest.fixture
def task():
    return task_definition()


def box(task: dict, name: str) -> dict:
    return next(found for found in task["containerDefinitions"] if found["name"] == name)


def test_nothing_is_wrong_with_it(task):
    assert faults(task) == []


BROKEN = {
    "unknown key": lambda task: box(task, "app").update(readOnlyRootFilesystem=True),
    "text for a switch": lambda task: box(task, "app").update(essential="true"),
    "number for text": lambda task: task.update(cpu=256),
    "network mode": lambda task: task.update(networkMode="bridge"),
    "no such condition": lambda task: box(task, "cognito-auth-proxy")["dependsOn"][0].update(condition="READY"),
    "no such capability": lambda task: box(task, "app")["linuxParameters"]["capabilities"].update(drop=["EVERYTHING"]),
    "no such architecture": lambda task: task["runtimePlatform"].update(cpuArchitecture="AMD64"),
    "size": lambda task: task.update(cpu="256", memory="4096"),
    "more memory than there is": lambda task: box(task, "app").update(memory=4096),
    "more cpu than there is": lambda task: box(task, "app").update(cpu=1024),
    "waits for nobody": lambda task: box(task, "app").update(dependsOn=[{"containerName": "db", "condition": "START"}]),
    "waits in a circle": lambda task: box(task, "app").update(
        dependsOn=[{"containerName": "cognito-auth-proxy", "condition": "START"}]
    ),
    "healthy without a check": lambda task: box(task, "app").pop("healthCheck"),
    "waits for the end of what runs": lambda task: box(task, "cognito-auth-proxy")["dependsOn"][0].update(condition="SUCCESS"),
    "command without CMD": lambda task: box(task, "app")["healthCheck"].update(command=["/app", "health"]),
    "health every second": lambda task: box(task, "app")["healthCheck"].update(interval=1),
    "other host port": lambda task: box(task, "cognito-auth-proxy")["portMappings"][0].update(hostPort=80),
    "one port twice": lambda task: box(task, "app").update(portMappings=[{"containerPort": 8080}]),
    "no execution role": lambda task: task.pop("executionRoleArn"),
    "no task role": lambda task: task.pop("taskRoleArn"),
    "secret in plain": lambda task: box(task, "cognito-auth-proxy")["environment"].append(
        {"name": "COGNITO_AUTH_SIGNING_KEY", "value": "-----BEGIN PRIVATE KEY-----"}
    ),
    "secret by name": lambda task: box(task, "cognito-auth-proxy")["secrets"][0].update(valueFrom="signing-key"),
    "set twice": lambda task: box(task, "app")["environment"].append({"name": "HF_HOME", "value": "/x"}),
    "stops for ten minutes": lambda task: box(task, "cognito-auth-proxy").update(stopTimeout=600),
    "privileged": lambda task: box(task, "app").update(privileged=True),
    "capability added": lambda task: box(task, "app")["linuxParameters"]["capabilities"].update(add=["NET_ADMIN"]),
    "tmpfs": lambda task: box(task, "app")["linuxParameters"].update(tmpfs=[{"containerPath": "/tmp", "size": 64}]),
    "ulimit": lambda task: box(task, "app").update(ulimits=[{"name": "nproc", "softLimit": 1, "hardLimit": 1}]),
    "latest": lambda task: box(task, "app").update(image="example.com/app:latest"),
    "no tag": lambda task: box(task, "app").update(image="example.com:5000/app"),
    "no log": lambda task: box(task, "app").pop("logConfiguration"),
    "log without group": lambda task: box(task, "app")["logConfiguration"]["options"].pop("awslogs-group"),
    "log in the account's mode": lambda task: box(task, "app")["logConfiguration"]["options"].pop("mode"),
    "buffer of a log that blocks": lambda task: box(task, "app")["logConfiguration"]["options"].update(mode="blocking"),
    "mount of no volume": lambda task: box(task, "app")["mountPoints"][0].update(sourceVolume="data"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_noticed(task, name):
    BROKEN[name](task)
    assert faults(task)


def test_ecs_takes_it_and_gives_it_back(aws, task):
    ecs = aws.client("ecs")
    made = ecs.register_task_definition(**copy.deepcopy(task))["taskDefinition"]
    back = ecs.describe_task_definition(taskDefinition=made["taskDefinitionArn"])["taskDefinition"]
    assert made["revision"] == 1
    # moto adds empty lists of its own; what was sent has to be there.
    for sent in task["containerDefinitions"]:
        assert {key: box(back, sent["name"]).get(key) for key in sent} == sent
    assert {key: back.get(key) for key in ("family", "cpu", "memory", "networkMode", "taskRoleArn", "executionRoleArn")} == {
        key: task[key] for key in ("family", "cpu", "memory", "networkMode", "taskRoleArn", "executionRoleArn")
    }


def test_only_the_proxy_has_a_port_and_the_application_listens_on_loopback(task):
    assert "portMappings" not in box(task, "app")
    assert [port["containerPort"] for port in box(task, "cognito-auth-proxy")["portMappings"]] == [8080]
    addresses = [entry["value"] for entry in box(task, "app")["environment"] if "SERVER_NAME" in entry["name"]]
    assert addresses == ["127.0.0.1"]


def test_the_proxy_may_do_nothing_it_does_not_need(task):
    proxy = box(task, "cognito-auth-proxy")
    assert proxy["readonlyRootFilesystem"] is True
    assert proxy["user"] == "65532:65532"
    assert proxy["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert "mountPoints" not in proxy


def test_both_are_essential_and_the_application_comes_first_and_goes_last(task):
    assert all(found["essential"] is True for found in task["containerDefinitions"])
    assert box(task, "cognito-auth-proxy")["dependsOn"] == [{"containerName": "app", "condition": "HEALTHY"}]


def test_the_health_check_needs_no_shell(task):
    assert box(task, "cognito-auth-proxy")["healthCheck"]["command"] == ["CMD", "/cognito-auth-proxy", "healthcheck"]


def test_the_platform_waits_longer_than_the_proxy_drains(task):
    lines = [line.split(" = ") for line in SETTINGS.splitlines() if line.startswith("drain_")]
    drains = sum(int(value.strip('"').removesuffix("s")) for _, value in lines)
    assert len(lines) == 2
    assert box(task, "cognito-auth-proxy")["stopTimeout"] > drains


def test_no_line_of_the_proxys_log_is_dropped_in_silence(task):
    """The proxy never waits for its log and tells how many lines it dropped; a log driver that does not block tells nothing."""
    assert box(task, "cognito-auth-proxy")["logConfiguration"]["options"]["mode"] == "blocking"


def proxy_settings(task: dict, aws) -> dict[str, str]:
    """The environment the task gives the proxy, its secrets fetched, in reach of the stand-in for AWS."""
    proxy = box(task, "cognito-auth-proxy")
    settings = {entry["name"]: entry["value"] for entry in proxy["environment"]}
    for entry in proxy["secrets"]:
        assert entry["name"] == "COGNITO_AUTH_SIGNING_KEY"
        settings[entry["name"]] = signing_key()
    aws.client("secretsmanager").create_secret(
        Name=settings["COGNITO_AUTH_SECRET_NAME"], SecretString='{"allowed_groups": ["app-users"]}'
    )
    for name in AWAITED:
        assert settings.pop(name), f"{name} is not in the task definition"
        settings["COGNITO_AUTH_ALLOWED_GROUPS"] = "app-users"
    return settings | aws.environment


def test_the_proxy_accepts_every_setting_in_it(aws, task):
    settings = proxy_settings(task, aws)
    answer = check(settings)
    assert answer.returncode == 0, answer.stderr
    for name in settings:
        if name.startswith("COGNITO_AUTH_"):
            assert f"# environment {name}" in answer.stdout
    refused = check(settings | {"COGNITO_AUTH_UPSTREAM_ADDRESS": "http://127.0.0.1:7860"})
    assert refused.returncode == 64
    assert "COGNITO_AUTH_UPSTREAM_ADDRESS" in refused.stderr


def test_what_is_to_be_replaced_cannot_be_overlooked(task):
    """Values of somebody's own that ECS would take as they stand: each says REPLACE, or is an account nobody has."""
    proxy = {entry["name"]: entry["value"] for entry in box(task, "cognito-auth-proxy")["environment"]}
    own = [task["executionRoleArn"], task["taskRoleArn"], *(found["image"] for found in task["containerDefinitions"])]
    own += [proxy[f"COGNITO_AUTH_{name}"] for name in ("ALB_ARNS", "CLIENT_IDS", "USER_POOL_ID", "LOGOUT_REDIRECT_URL")]
    own += [box(task, "cognito-auth-proxy")["secrets"][0]["valueFrom"], proxy["COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN"]]
    assert [value for value in own if "REPLAC" not in value.upper()] == []
    assert ACCOUNT not in str(task)
    assert REGION in str(task)


def camel(value):
    """Keys as CloudFormation spells them."""
    if isinstance(value, dict):
        # The options of a log driver are no keys of ECS.
        return {key[0].upper() + key[1:]: entry if key == "options" else camel(entry) for key, entry in value.items()}
    return [camel(entry) for entry in value] if isinstance(value, list) else value


def shape(value):
    """What has to be the same in both files: all but values that the template fills in."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
        return "…"
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    return [shape(entry) for entry in value] if isinstance(value, list) else value


def agree(ours, theirs, path=""):
    """Where the template says something itself, the task definition says the same."""
    if theirs == "…" or ours == theirs:
        return
    assert type(ours) is type(theirs), path
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), path
        for key in ours:
            agree(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), path
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            agree(*pair, f"{path}[{number}]")
    else:
        assert ours == theirs, path


def test_the_template_has_the_same_proxy(task):
    other = shape(template()["Resources"]["TaskDefinition"]["Properties"])
    ours = camel(task)
    agree(box_of(ours), box_of(other))
    for key in ("Cpu", "Memory", "NetworkMode", "RequiresCompatibilities", "Volumes"):
        assert ours[key] == other[key]


def box_of(task: dict) -> dict:
    return next(found for found in task["ContainerDefinitions"] if found["Name"] == "cognito-auth-proxy")
