"""A task as ECS runs one: an application on loopback, the proxy beside it in the same network namespace with the one port that
is published, and AWS' keys behind TLS."""

import pathlib
import tomllib

import pytest
import trustme

from engine import HARDENED, HERE, IMAGE, PYTHON, ROOT, Clerk, Container, eventually, pod, status_of

SETTINGS = {
    "COGNITO_AUTH_UPSTREAM_URL": "http://127.0.0.1:7860",
    "COGNITO_AUTH_ALLOWED_GROUPS": "staff",
    "COGNITO_AUTH_DRAIN_DELAY": "1s",
    "COGNITO_AUTH_LOG_LEVEL": "info,cognito_auth_proxy=trace",
}


FIGURES = pytest.StashKey[dict[str, str]]()


def pytest_configure(config):
    config.stash[FIGURES] = {}


def pytest_terminal_summary(terminalreporter, config):
    """What was measured, also where every test passed: nobody sees what a passing test prints."""
    for name, figure in config.stash[FIGURES].items():
        terminalreporter.write_line(f"measured: {name}: {figure}")


@pytest.fixture(scope="session")
def figures(pytestconfig):
    """What is to be shown at the end of the run."""
    return pytestconfig.stash[FIGURES]


class Task:
    """The application's container, which the network namespace belongs to, and whatever else is started there."""

    def __init__(self, directory: pathlib.Path):
        authority = trustme.CA()
        self.authority = directory / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.authority.chmod(0o444)
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(directory / "keys.pem")
        mounts = (f"--volume={HERE}/application.py:/application.py:ro",)
        ports = ("--network=bridge", "--publish=127.0.0.1::8080")
        self.app = Container("task-app", PYTHON, "python", "/application.py", "7860", options=mounts + ports)
        self.clerk = Clerk(self.app, directory / "keys.pem")
        self.url = "http://" + pod("port", self.app.name, "8080/tcp").stdout.strip()

    def start_proxy(self, *options: str, **settings: str) -> Container:
        """The image as it is; the answer to `ready` is waited for."""
        facts = self.clerk.facts
        known = {
            "COGNITO_AUTH_ALB_ARNS": facts["alb_arn"],
            "COGNITO_AUTH_CLIENT_IDS": facts["client_id"],
            "COGNITO_AUTH_USER_POOL_ID": facts["user_pool_id"],
            "COGNITO_AUTH_ALB_PUBLIC_KEYS_URL": facts["keys_url"],
            "COGNITO_AUTH_COGNITO_JWKS_URL": facts["jwks_url"],
        }
        where = (f"--network=container:{self.app.name}", *HARDENED, *options)
        proxy = Container("task-proxy", IMAGE, options=where, **SETTINGS | known | settings)
        eventually(lambda: status_of(self.url + "/.auth/ready") == 200, f"ready\n{proxy.logs()}")
        return proxy

    def trust(self) -> tuple[str, ...]:
        """Options that put the authority of the stand-in for AWS in place of the image's own."""
        return (f"--volume={self.authority}:/authority.pem:ro", "--env=SSL_CERT_FILE=/authority.pem")

    def open_gate(self) -> None:
        """Lets the application's open stream go on, past the proxy."""
        ask = "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/open', timeout=10)"
        pod("exec", self.app.name, "python", "-c", ask)

    def stop(self) -> None:
        self.clerk.stop()
        self.app.remove()


@pytest.fixture(scope="session")
def task(tmp_path_factory):
    running = Task(tmp_path_factory.mktemp("task"))
    yield running
    running.stop()


@pytest.fixture
def proxy(task):
    """A proxy of the test's own. What it wrote is searched for tokens at the end."""
    started = task.start_proxy(*task.trust())
    yield started
    logs = started.logs()
    started.remove()
    assert logs, "no log: nothing was searched"
    assert not [token for token in task.clerk.minted if token in logs or token.split(".")[1] in logs]


@pytest.fixture(scope="session")
def staff(task):
    """What the load balancer adds for a user the policy admits."""
    return task.clerk.mint(email="alice@example.com", sub="alice-sub", groups="staff", ttl=3600)


@pytest.fixture(scope="session")
def outsider(task):
    return task.clerk.mint(email="mallory@example.com", sub="mallory-sub", groups="visitors", ttl=3600)


@pytest.fixture(scope="session")
def manifest():
    """The package of Cargo.toml."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
