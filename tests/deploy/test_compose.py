"""The Compose files, checked as files and really run: a sign-in through `dev` to a real Gradio application, and the mock user."""

import html
import json
import os
import re
import subprocess
import sys

import httpx
import pytest
import yaml

from engine import HERE, PATIENCE, ROOT, eventually, pod, status_of

CONFIG = ROOT / "config"
FILES = ["docker-compose.yml", "docker-compose.mock-user.yml"]
NAVIGATION = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
MEMBER = "ann.lee@example.com"


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the suite's own Python environment."""
    command = [os.path.join(os.path.dirname(sys.executable), name), *arguments]
    return subprocess.run(command, cwd=CONFIG, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)


class Project:
    """A Compose file that is up. The images were built before, by the same Dockerfiles."""

    def __init__(self, file: str):
        self.file = CONFIG / file
        self.content = yaml.safe_load(self.file.read_text())
        self.compose("down", "--timeout=5")
        self.compose("up", "--detach", "--no-build")

    def compose(self, *arguments: str) -> None:
        done = tool("podman-compose", f"--podman-path={HERE}/pod", f"--file={self.file}", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def container(self, service: str) -> str:
        wanted = f"label=com.docker.compose.service={service}"
        project = f"label=com.docker.compose.project={self.content['name']}"
        [name] = pod("ps", "--all", "--format={{.Names}}", f"--filter={wanted}", f"--filter={project}").stdout.split()
        return name

    def inspect(self, service: str) -> dict:
        return json.loads(pod("inspect", "--type=container", self.container(service)).stdout)[0]

    def is_healthy(self, service: str) -> bool:
        """By the image's own command; nothing runs its timer here."""
        return pod("healthcheck", "run", self.container(service), check=False).returncode == 0

    def logs(self) -> str:
        outputs = [pod("logs", self.container(service)) for service in self.content["services"]]
        return "\n".join(each.stdout + each.stderr for each in outputs)

    def down(self) -> None:
        self.compose("down", "--timeout=5")


def project(file: str):
    running = Project(file)
    yield running
    running.down()


@pytest.fixture(scope="module")
def dev():
    yield from project(FILES[0])


@pytest.fixture(scope="module")
def mock_user():
    yield from project(FILES[1])


def call(client: httpx.Client, name: str) -> object:
    """What a Gradio function answers, through its queue and its event stream, as Gradio's own page calls it."""
    begun = client.post(f"/gradio_api/call/{name}", json={"data": []})
    assert begun.status_code == 200, begun.text
    answer = client.get(f"/gradio_api/call/{name}/{begun.json()['event_id']}")
    [data] = re.findall(r"^event: complete\ndata: (.+)$", answer.text, re.MULTILINE)
    return json.loads(data)[0]


@pytest.mark.parametrize("file", FILES)
def test_file_is_valid(file):
    done = tool("check-jsonschema", "--builtin-schema=vendor.compose-spec", file)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES)
def test_every_service_is_hardened_and_published_on_loopback_only(file):
    for name, service in yaml.safe_load((CONFIG / file).read_text())["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_application_reads_its_user_as_the_readme_says():
    function = re.compile(r"^def current_user\(request: gr\.Request\).*?from error$", re.DOTALL | re.MULTILINE)
    [documented] = function.findall((ROOT / "README.md").read_text())
    assert documented in (CONFIG / "compose/app.py").read_text()


def test_sign_in_through_dev_reaches_the_application(dev):
    eventually(lambda: dev.is_healthy("app"), "the application is healthy")
    eventually(lambda: dev.is_healthy("proxy"), "the proxy is healthy")
    with httpx.Client(base_url="http://127.0.0.1:4430", timeout=30, follow_redirects=True) as browser:
        eventually(lambda: status_of("http://127.0.0.1:4430/.dev/") == 200, f"the sign-in page\n{dev.logs()}")
        # A script without a session is sent away; nobody reaches the application.
        assert browser.get("/config", follow_redirects=False).status_code == 302
        page = browser.get("/", headers=NAVIGATION)
        assert page.url.path == "/.dev/"
        fields = form_of(page.text, MEMBER)
        answer = browser.post("/.dev/sign-in", data=fields, headers=NAVIGATION | {"origin": "http://127.0.0.1:4430"})
        assert "Behind cognito-auth-proxy" in answer.text
        assert call(browser, "greet").startswith(f"Hello {MEMBER}, member of ")


def form_of(page: str, email: str) -> dict[str, str]:
    """What a browser sends when the button of that persona is pressed."""
    forms = re.findall(r"<form class=\"card\".*?</form>", page, re.DOTALL)
    [form] = [each for each in forms if f'value="{email}"' in each]
    inputs = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) | {"tag": tag} for tag in re.findall(r"<input[^>]*>", form)]
    sent = [each for each in inputs if each.get("type") != "checkbox" or re.search(r"\bchecked\b", each["tag"])]
    return {each["name"]: html.unescape(each.get("value", "on")) for each in sent}


def test_dev_is_published_on_this_machines_loopback_only(dev):
    settings = dev.inspect("app")
    bindings = [each for bound in settings["HostConfig"]["PortBindings"].values() for each in bound]
    assert [(each["HostIp"], each["HostPort"]) for each in bindings] == [("127.0.0.1", "4430")]
    # The application and the proxy's own port are reached by nobody, not even from the machine.
    [network] = settings["NetworkSettings"]["Networks"].values()
    assert status_of(f"http://{network['IPAddress']}:4431/.dev/") == 421  # only by the names of loopback
    for port in (4430, 7860, 8080, 9090):
        assert status_of(f"http://{network['IPAddress']}:{port}/") == 0


def test_dev_containers_can_write_nothing_and_raise_nothing(dev):
    for service in dev.content["services"]:
        host = dev.inspect(service)["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert "no-new-privileges" in str(host["SecurityOpt"]), service
        status = dict(
            line.split(":\t", 1)
            for line in open(f"/proc/{dev.inspect(service)['State']['Pid']}/status").read().splitlines()
            if ":\t" in line
        )
        assert status["CapEff"] == status["CapBnd"] == "0" * 16, service
        assert status["Uid"].split() == ["65532"] * 4, service


def test_mock_user_needs_no_sign_in_and_the_application_has_no_port(mock_user):
    eventually(lambda: mock_user.is_healthy("app"), "the application is healthy")
    url = "http://127.0.0.1:8080"
    eventually(lambda: status_of(url + "/.auth/ready") == 200, f"ready\n{mock_user.logs()}")
    mock = json.loads((ROOT / "dev-mock-user.example.json").read_text())
    with httpx.Client(base_url=url, timeout=30) as browser:
        assert call(browser, "greet").startswith(f"Hello {mock['email']}, ")
    assert not mock_user.inspect("app")["HostConfig"]["PortBindings"]
