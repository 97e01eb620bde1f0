"""As many connections as a file allows have to fit into the memory it grants, each with a stream: the dearest there is."""

import re

import yaml
from aws import ROOT, task_definition, template

MIB = 1024 * 1024
SETTING = "COGNITO_AUTH_MAX_CONNECTIONS"


def measured(row: str) -> float:
    """Our figure in that row of docs/performance.md, in bytes."""
    text = (ROOT / "docs/performance.md").read_text()
    (found,) = re.findall(rf"^\| {row}[^|]*\| ours \| ([\d.]+) (KB|MB) \|", text, re.MULTILINE)
    return float(found[0]) * {"KB": 1e3, "MB": 1e6}[found[1]]


def needed(connections: int, kind: str = "idle event stream") -> float:
    """That of the process, of the credentials it remembers, of log lines that wait (docs/logs.md), and of the streams."""
    defaults = (ROOT / "config/default.toml").read_text()
    remembered = int(re.search(r'^credential_cache_size = "(\d+)MiB"$', defaults, re.MULTILINE)[1]) * MIB
    waiting = int(re.search(r"(\d+) MiB", (ROOT / "docs/logs.md").read_text())[1]) * MIB
    stream = measured(kind)
    assert stream > measured("idle keep-alive connection")
    return measured("memory at rest") + remembered + waiting + connections * stream


def single(intrinsic: dict[str, list[str]]) -> tuple[str, list[str]]:
    """`Fn::If`, and what it is of."""
    ((name, arguments),) = intrinsic.items()
    return name, arguments


def granted() -> dict[str, tuple[int, int]]:
    """Connections and bytes, by file."""
    (box,) = [box for box in task_definition()["containerDefinitions"] if box["name"] == "cognito-auth-proxy"]
    found = {"task definition": ({entry["name"]: entry["value"] for entry in box["environment"]}[SETTING], box["memory"] * MIB)}
    boxes = template()["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    (box,) = [box for box in boxes if box["Name"] == "cognito-auth-proxy"]
    _, (condition, _, plain) = single({entry["Name"]: entry["Value"] for entry in box["Environment"]}[SETTING])
    assert condition == "Tls"
    found["template"] = (plain, box["Memory"] * MIB)
    manifests = yaml.safe_load_all((ROOT / "config/kubernetes/sidecar.yaml").read_text())
    (pod,) = [manifest["spec"]["template"]["spec"] for manifest in manifests if manifest["kind"] == "Deployment"]
    (box,) = [box for box in pod["containers"] if box["name"] == "cognito-auth-proxy"]
    memory = int(box["resources"]["limits"]["memory"].removesuffix("Mi")) * MIB
    found["kubernetes"] = ({entry["name"]: entry.get("value") for entry in box["env"]}[SETTING], memory)
    for name in ("docker-compose.yml", "docker-compose.mock-user.yml"):
        proxy = yaml.safe_load((ROOT / "config" / name).read_text())["services"]["proxy"]
        found[name] = (proxy["environment"][SETTING], int(proxy["mem_limit"].removesuffix("m")) * MIB)
    return {name: (int(connections), memory) for name, (connections, memory) in found.items()}


def test_all_connections_fit_into_the_memory():
    assert {name: needed(connections) for name, (connections, memory) in granted().items() if needed(connections) > memory} == {}


def test_within_tls_they_fit_with_some_slow_readers():
    """TLS keeps up to 64 KiB for a client that takes slowly."""
    boxes = template()["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    (box,) = [box for box in boxes if box["Name"] == "cognito-auth-proxy"]
    _, (_, secured, _) = single({entry["Name"]: entry["Value"] for entry in box["Environment"]}[SETTING])
    connections = int(secured)
    assert needed(connections, "event stream in TLS") + connections / 4 * 64 * 1024 <= box["Memory"] * MIB


def test_the_default_would_not_have_fitted():
    defaults = (ROOT / "config/default.toml").read_text()
    connections = int(re.search(r"^max_connections = (\d+)$", defaults, re.MULTILINE)[1])
    assert all(needed(connections) > memory for _, memory in granted().values())


def test_no_other_file_limits_memory():
    """A new one belongs into `granted`."""
    words = re.compile(r"^\s*\"?(mem_limit|memory|Memory|MemoryMax|limits)\"?\s*[:=]", re.MULTILINE)
    limited = {path.name for path in (ROOT / "config").rglob("*") if path.is_file() and words.search(path.read_text())}
    known = {"task-definition.json", "cloudformation.yaml", "sidecar.yaml", "docker-compose.yml", "docker-compose.mock-user.yml"}
    assert limited == known
