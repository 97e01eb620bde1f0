"""A stand-in for AWS on loopback: moto's server, and the proxy's `check` with an environment that reaches nothing else."""

import contextlib
import json
import logging
import os
import pathlib
import subprocess
import urllib.request

import boto3
import yaml
from moto.server import ThreadedMotoServer

ROOT = pathlib.Path(__file__).parents[2]
REGION = "eu-west-2"
ACCOUNT = "123456789012"  # moto's
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROXY = pathlib.Path(os.environ.get("DEPLOY_PROXY", TARGET / "debug/cognito-auth-proxy"))

logging.getLogger("werkzeug").setLevel(logging.WARNING)


class Aws:
    """Clients of the stand-in, and the environment in which a program talks to it and to no real account."""

    def __init__(self, url: str):
        self.url = url
        self.environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )


@contextlib.contextmanager
def stand_in():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # What was made at one before this in the same process is still there.
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()
    try:
        yield Aws(url)
    finally:
        server.stop()


def signing_key() -> str:
    """A fresh private key as the guides make it."""
    command = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def check(settings: dict[str, str]) -> subprocess.CompletedProcess:
    """`cognito-auth-proxy check` with these variables and no other. The binary has to be there: nothing is skipped."""
    assert PROXY.exists(), f"{PROXY} is not built: cargo build --locked, or name one in DEPLOY_PROXY"
    return subprocess.run([PROXY, "check"], env=settings, capture_output=True, text=True, timeout=60, check=False)


def task_definition() -> dict:
    return json.loads((ROOT / "config/ecs/task-definition.json").read_text())


class _Template(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": "x"} and `!Sub x` as {"Fn::Sub": "x"}, as CloudFormation does."""


def _short(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Template.add_multi_constructor("!", _short)


def template() -> dict:
    return yaml.load((ROOT / "config/ecs/cloudformation.yaml").read_text(), Loader=_Template)
