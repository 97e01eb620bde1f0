"""What is wrong with an ECS task definition, offline: first what the service's model says (names, types, enumerated values), then
what ECS refuses or what fails on Fargate only when the task runs. moto checks next to nothing of this."""

import re

import botocore.session
from botocore.validate import ParamValidator

# CPU units, and the memory in MiB that Fargate has with them.
SIZES = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
REFERENCE = re.compile(
    r"arn:aws[\w-]*:(secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+(:[^:]*:[^:]*:[^:]*)?|ssm:[\w-]+:\d{12}:parameter/[\w/.-]+)"
)
LOOKS_SECRET = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|(SIGNING|PRIVATE|COOKIE|API)_?KEY)S?$")
# The model says what these are in words only.
CAPABILITIES = set(
    "ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE "
    "LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID "
    "SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG "
    "SYSLOG WAKE_ALARM".split()
)
NOT_ON_FARGATE = ("links", "hostname", "dnsServers", "dnsSearchDomains", "extraHosts", "dockerSecurityOptions", "privileged")


def faults(task: dict) -> list[str]:
    """One line for each thing that is wrong."""
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    report = ParamValidator().validate(task, model)
    if report.has_errors():
        return report.generate_report().splitlines()
    boxes = {box["name"]: box for box in task["containerDefinitions"]}
    found = [*_enumerated(model, task, "task"), *_of_the_task(task, boxes)]
    for name, box in boxes.items():
        for rule in (_image, _order, _health, _fargate, _variables, _log, _volumes):
            found += [f"{name}: {fault}" for fault in rule(box, boxes, task)]
    return found


def _enumerated(shape, value, path):
    """botocore lets any text pass where the model lists what there is."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for key in value.keys() & shape.members.keys():
            yield from _enumerated(shape.members[key], value[key], f"{path}.{key}")
    elif shape.type_name == "list" and isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _enumerated(shape.member, entry, f"{path}[{number}]")
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"


def _of_the_task(task, boxes):
    if len(boxes) != len(task["containerDefinitions"]):
        yield "two containers have one name"
    if task.get("networkMode") != "awsvpc" or task.get("requiresCompatibilities") != ["FARGATE"]:
        yield "not for Fargate: networkMode awsvpc, requiresCompatibilities FARGATE"
    cpu, memory = task.get("cpu", ""), task.get("memory", "")
    if not (cpu.isdigit() and memory.isdigit() and int(memory) in SIZES.get(int(cpu), ())):
        yield f"Fargate has no size of {cpu} CPU units with {memory} MiB"
    else:
        if sum(box.get("memory", 0) for box in boxes.values()) > int(memory):
            yield "the containers' memory is more than the task's"
        if sum(box.get("cpu", 0) for box in boxes.values()) > int(cpu):
            yield "the containers' cpu is more than the task's"
    for role in ("executionRoleArn", "taskRoleArn"):
        if not re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:role/\S+", task.get(role, "")):
            yield f"{role} is no role's ARN"
    ports = [port["containerPort"] for box in boxes.values() for port in box.get("portMappings", [])]
    if len(set(ports)) != len(ports):
        yield "two containers have one port, in one network namespace"


def _image(box, _boxes, _task):
    if not re.search(r"@sha256:[0-9a-f]{64}$|:[^/:]+$", box.get("image", "")) or box["image"].endswith(":latest"):
        yield "its image has no fixed tag or digest"


def _order(box, boxes, _task):
    for wanted in box.get("dependsOn", []):
        other = boxes.get(wanted["containerName"])
        if other is None or other is box:
            yield f"waits for {wanted['containerName']}, which is no other container of the task"
        elif wanted["condition"] == "HEALTHY" and "healthCheck" not in other:
            yield f"waits for {other['name']} to be healthy, which has no health check here (that of its image does not count)"
        elif wanted["condition"] in ("COMPLETE", "SUCCESS") and other.get("essential", True):
            yield f"waits for the end of {other['name']}, which is essential"
        elif box["name"] in [back["containerName"] for back in other.get("dependsOn", [])]:
            yield f"waits for {other['name']}, and that for it"


def _health(box, _boxes, _task):
    health = box.get("healthCheck")
    if health is None:
        return
    if health["command"][0] not in ("CMD", "CMD-SHELL"):
        yield "its health check does not begin with CMD or CMD-SHELL"
    for key, least, most in (("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)):
        if not least <= health.get(key, least) <= most:
            yield f"healthCheck.{key} is not from {least} to {most}"


def _fargate(box, _boxes, _task):
    for key in NOT_ON_FARGATE:
        if box.get(key):
            yield f"{key} is not to be had on Fargate"
    for key in ("stopTimeout", "startTimeout"):
        if box.get(key, 0) > 120:
            yield f"{key} is at most 120 on Fargate"
    linux = box.get("linuxParameters", {})
    if set(linux.get("capabilities", {}).get("add", [])) - {"SYS_PTRACE"}:
        yield "Fargate adds no capability but SYS_PTRACE"
    for name in set(linux.get("capabilities", {}).get("drop", [])) - CAPABILITIES:
        yield f"there is no capability {name}"
    for key in ("tmpfs", "devices", "sharedMemorySize", "swappiness", "maxSwap"):
        if key in linux:
            yield f"linuxParameters.{key} is not to be had on Fargate"
    for limit in box.get("ulimits", []):
        if limit["name"] != "nofile" or limit["softLimit"] > limit["hardLimit"] or limit["hardLimit"] > 1048576:
            yield "Fargate changes no ulimit but nofile, to 1048576 at most"
    for port in box.get("portMappings", []):
        if port.get("hostPort", port["containerPort"]) != port["containerPort"]:
            yield "hostPort is another than containerPort"


def _variables(box, _boxes, _task):
    plain = [entry["name"] for entry in box.get("environment", [])]
    secret = [entry["name"] for entry in box.get("secrets", [])]
    for name in {name for name in plain + secret if (plain + secret).count(name) > 1}:
        yield f"{name} is set twice"
    for name in plain:
        if LOOKS_SECRET.search(name):
            yield f"{name} is a secret in plain text"
    for entry in box.get("secrets", []):
        if not REFERENCE.fullmatch(entry["valueFrom"]):
            yield f"{entry['name']} refers to no secret or parameter by its ARN"


def _log(box, _boxes, _task):
    log = box.get("logConfiguration")
    if log is None:
        yield "it has no log"
        return
    options = log.get("options", {})
    if log["logDriver"] == "awslogs":
        for key in ("awslogs-group", "awslogs-region", "awslogs-stream-prefix", "mode"):
            if not options.get(key):
                yield f"awslogs without {key}"  # without mode it is what the account says, and that may drop lines
        if options.get("mode") not in ("blocking", "non-blocking"):
            yield "awslogs has the modes blocking and non-blocking"
        if "max-buffer-size" in options and options.get("mode") != "non-blocking":
            yield "max-buffer-size is for non-blocking only"


def _volumes(box, _boxes, task):
    known = {volume["name"] for volume in task.get("volumes", [])}
    for mount in box.get("mountPoints", []):
        if mount["sourceVolume"] not in known:
            yield f"mounts {mount['sourceVolume']}, which is no volume of the task"
