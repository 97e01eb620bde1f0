"""podman, as the tests use it: containers that are always removed, and answers that are waited for with a deadline."""

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

import httpx

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
IMAGE = "localhost/cognito-auth-proxy:latest"
PYTHON = "docker.io/library/python:3.11-slim-bookworm"

PATIENCE = 60.0  # seconds; only ever reached by something broken

# As Fargate starts a container with readonlyRootFilesystem (podman would add a writable /tmp), with what the guides take
# away as well. No systemd runs the health check's timer here, so the tests run it by hand.
HARDENED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=64m",
    "--memory-swap=64m",
    "--cgroups=enabled",
    "--health-interval=disable",
)


def pod(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs podman over the suite's own images."""
    done = subprocess.run(
        [str(HERE / "pod"), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def eventually(question: Callable[[], object], what: str) -> object:
    """The first true answer to `question`; fails when there is none in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not in {PATIENCE:.0f} s: {what}")


def status_of(url: str) -> int:
    """What `url` answers, or 0 where nobody does."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return 0


class Container:
    """A container that runs in the background."""

    def __init__(self, name: str, image: str, *command: str, options: tuple[str, ...] = (), **environment: str):
        self.name = name
        pod("rm", "--force", "--time=0", "--ignore", name)
        settings = [f"--env={key}={value}" for key, value in environment.items()]
        pod("run", "--detach", f"--name={name}", *options, *settings, image, *command)

    def inspect(self) -> dict:
        return json.loads(pod("inspect", "--type=container", self.name).stdout)[0]

    @property
    def pid(self) -> int:
        """Of its first process, as this machine counts."""
        return self.inspect()["State"]["Pid"]

    def process(self, file: str) -> str:
        """What the kernel says of its first process."""
        return pathlib.Path(f"/proc/{self.pid}/{file}").read_text()

    def status(self) -> dict[str, str]:
        """/proc/PID/status by name, with single spaces."""
        lines = (line.split(":", 1) for line in self.process("status").splitlines())
        return {name: " ".join(value.split()) for name, value in lines}

    def logs(self) -> str:
        done = pod("logs", self.name)
        return done.stdout + done.stderr

    def log_lines(self) -> list[dict]:
        return [json.loads(line) for line in self.logs().splitlines() if line.startswith("{")]

    def signal(self, name: str) -> None:
        pod("kill", f"--signal={name}", self.name)

    def exit_code(self) -> int:
        """Waits until it has ended."""
        return int(pod("wait", self.name).stdout)

    def remove(self) -> None:
        pod("rm", "--force", "--time=0", "--ignore", self.name)


class Clerk:
    """clerk.py, in the network namespace of a container."""

    def __init__(self, container: Container, certificate: pathlib.Path):
        command = ["nsenter", f"--target={container.pid}", "--net", sys.executable, str(HERE / "clerk.py")]
        self.child = subprocess.Popen(
            [*command, os.environ["DEPLOY_ISSUER"], str(certificate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.facts = json.loads(self.child.stdout.readline())
        self.minted: set[str] = set()

    def mint(self, **wanted: str | int) -> dict[str, str]:
        """The three fields that the load balancer adds to a request of a signed-in user."""
        self.child.stdin.write(json.dumps(wanted) + "\n")
        self.child.stdin.flush()
        fields = json.loads(self.child.stdout.readline())
        self.minted |= {fields["x-amzn-oidc-data"], fields["x-amzn-oidc-accesstoken"]}
        return fields

    def stop(self) -> None:
        self.child.stdin.close()
        self.child.wait(PATIENCE)
