"""The processes of a run: the token issuer, an application, and the proxy under test in front of it.

Every process is waited for by asking it, with a deadline; nothing sleeps a fixed time. All output goes to
`artefacts/`, where conftest.py searches it for tokens at the end.
"""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import httpx

HERE = pathlib.Path(__file__).parent
ARTEFACTS = HERE / "artefacts"
BINARY = pathlib.Path(os.environ["E2E_PROXY"])
ISSUER = pathlib.Path(os.environ["E2E_ISSUER"])

PATIENCE = 60.0  # seconds; only ever reached by something broken
REDIRECT_URL = "https://login.example.test/signed-out"
NAVIGATION = {"accept": "text/html,application/xhtml+xml", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SCRIPT = {"accept": "*/*", "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}


def eventually(question: Callable[[], object], what: str) -> object:
    """The first true answer to `question`; fails when there is none in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not in {PATIENCE:.0f} s: {what}")


def free_port() -> int:
    """A port nobody listens on, below the range the kernel takes for outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def answers(url: str) -> bool:
    """Whether `url` answers 200."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Process:
    """A child whose output is kept."""

    def __init__(self, name: str, command: list[str], *, cwd: pathlib.Path = HERE, **environment: str):
        ARTEFACTS.mkdir(exist_ok=True)
        self.name = name
        self.log = ARTEFACTS / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("COGNITO_AUTH_")}
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                command, cwd=cwd, env=inherited | environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def wait_for(self, question: Callable[[], object], what: str) -> object:
        def asked() -> object:
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.log.read_text()}")
            return question()

        try:
            return eventually(asked, f"{self.name}: {what}")
        except AssertionError:
            # Nobody else knows of it yet, and it would outlive the run.
            self.stop()
            raise

    def stop(self) -> int:
        """Asks it to end, and returns the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Issuer(Process):
    """Mints tokens as an ALB and Cognito make them, and serves the keys to verify them."""

    def __init__(self):
        super().__init__("issuer", [str(ISSUER)])
        line = self.wait_for(lambda: "\n" in (text := self.log.read_text()) and text.splitlines()[0], "first line")
        self.facts = json.loads(str(line))
        self.minted: set[str] = set()

    def mint(self, **wanted: str | int) -> dict[str, str]:
        """The three fields the ALB adds to a request of a signed-in user."""
        answer = httpx.get(self.facts["mint_url"], params=wanted)
        answer.raise_for_status()
        fields = answer.json()
        self.minted |= {fields["x-amzn-oidc-data"], fields["x-amzn-oidc-accesstoken"]}
        return fields


class App(Process):
    """An application on a port of its own. It is told where the proxy's keys will be."""

    def __init__(self, name: str, script: str, proxy_url: str, ready_path: str, *, port: int | None = None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.gates = pathlib.Path(tempfile.mkdtemp(prefix="gates-"))
        super().__init__(
            name,
            self.command(script),
            AUTH_JWKS_URL=f"{proxy_url}/.auth/jwks.json",
            E2E_GATES=str(self.gates),
            GRADIO_ANALYTICS_ENABLED="False",
            PYTHONUNBUFFERED="1",
        )
        self.ready_path = ready_path

    def command(self, script: str) -> list[str]:
        return [sys.executable, script, str(self.port)]

    def open_gate(self, name: str) -> None:
        """For an app without a route of its own for that."""
        (self.gates / name).touch()

    def ready(self) -> None:
        self.wait_for(lambda: answers(self.url + self.ready_path), "ready")


class StreamlitApp(App):
    """As its users start it, less the telemetry."""

    def command(self, script: str) -> list[str]:
        options = {"server.address": "127.0.0.1", "server.port": self.port, "server.headless": "true"}
        options |= {"browser.gatherUsageStats": "false"}
        flags = [f"--{key}={value}" for key, value in options.items()]
        return [sys.executable, "-m", "streamlit", "run", script, *flags]


class Proxy(Process):
    """The binary under test, configured by environment only."""

    def __init__(
        self, name: str, issuer: Issuer, app: App, *, port: int | None = None, under: tuple[str, ...] = (), **settings: str
    ):
        self.port, self.admin_port = port or free_port(), free_port()
        self.url, self.admin_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.admin_port}"
        facts = issuer.facts
        self.settings = {
            "COGNITO_AUTH_LISTEN": f"127.0.0.1:{self.port}",
            "COGNITO_AUTH_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
            "COGNITO_AUTH_UPSTREAM_URL": app.url,
            "COGNITO_AUTH_ALB_ARNS": facts["alb_arn"],
            "COGNITO_AUTH_CLIENT_IDS": facts["client_id"],
            "COGNITO_AUTH_ALB_PUBLIC_KEYS_URL": facts["keys_url"],
            "COGNITO_AUTH_USER_POOL_ID": facts["user_pool_id"],
            "COGNITO_AUTH_COGNITO_JWKS_URL": facts["jwks_url"],
            "COGNITO_AUTH_ALLOWED_GROUPS": "staff",
            "COGNITO_AUTH_REDIRECT_URL": REDIRECT_URL,
            "COGNITO_AUTH_DRAIN_DELAY": "1s",
            # The most that an operator would switch on: what leaks only then is found as well.
            "COGNITO_AUTH_LOG_LEVEL": "info,cognito_auth_proxy=trace",
        } | settings
        super().__init__(name, [*under, str(BINARY)], **self.settings)

    def ready(self) -> None:
        self.wait_for(lambda: answers(self.url + "/.auth/ready"), "ready")

    def memory_peak(self) -> int:
        """The most memory the process ever had resident, in bytes."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the binary to its end, with these settings and no others."""
    return subprocess.run(
        [str(BINARY), *arguments],
        env={"PATH": os.environ["PATH"]} | settings,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Stack:
    """One application and the proxy in front of it."""

    def __init__(self, name: str, issuer: Issuer, ready_path: str, **settings: str):
        port = free_port()
        self.issuer = issuer
        self.app = App(f"{name}_app", f"{name}_app.py", f"http://127.0.0.1:{port}", ready_path)
        self.app.ready()
        self.proxy = Proxy(f"{name}_proxy", issuer, self.app, port=port, **settings)
        self.proxy.ready()
        self.url = self.proxy.url

    def client(self, *fields: dict[str, str]) -> httpx.Client:
        """A client of the proxy that sends `fields` with every request."""
        merged = {key: value for each in fields for key, value in each.items()}
        return httpx.Client(base_url=self.url, headers=merged, timeout=PATIENCE)

    def stop(self) -> None:
        # The application first: with it end the streams that clients still hold, for which the proxy would wait.
        self.app.stop()
        self.proxy.stop()
