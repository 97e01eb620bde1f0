"""A user pool, Secrets Manager and the Parameter Store as moto has them: users of a real pool are admitted by a policy that is
kept at AWS and changes while they work."""

import itertools
import json
import signal
import threading

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from aws import Aws
from stack import PATIENCE, SCRIPT, Proxy, command, eventually

STAFF, READERS, BOTH = (json.dumps({"allowed_groups": groups}) for groups in (["staff"], ["readers"], ["staff", "readers"]))
numbers = itertools.count()


@pytest.fixture(scope="module")
def aws(issuer):
    process = Aws()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def ann(aws, issuer):
    """Of both groups."""
    return aws.sign_in(issuer, "ann", "staff", "readers")


@pytest.fixture(scope="module")
def bob(aws, issuer):
    """Of the readers only."""
    return aws.sign_in(issuer, "bob", "readers")


@pytest.fixture
def start(aws, issuer, fastapi):
    """Starts proxies whose policy is kept at AWS."""
    started = []

    def one(**settings: str) -> Proxy:
        proxy = Proxy(f"aws_proxy_{next(numbers)}", issuer, fastapi.app, **aws.settings() | settings)
        started.append(proxy)
        proxy.ready()
        return proxy

    yield one
    assert [proxy.stop() for proxy in started] == [0] * len(started)


@pytest.fixture
def secret(aws):
    """A new one that admits the staff."""
    name = f"app/policy-{next(numbers)}"
    aws.keep_secret(name, STAFF)
    return name


def status(proxy: Proxy, fields: dict[str, str]) -> int:
    return httpx.get(proxy.url + "/resource", headers=SCRIPT | fields, timeout=PATIENCE).status_code


def says(proxy: Proxy, *words: str) -> bool:
    """Whether one line of its log has all these words."""
    return any(all(word in line for word in words) for line in proxy.log.read_text().splitlines())


def test_users_of_a_pool_come_in_by_the_groups_of_their_access_token(start, secret, ann, bob):
    proxy = start(COGNITO_AUTH_SECRET_NAME=secret)
    assert (status(proxy, ann), status(proxy, bob)) == (200, 403)
    user = httpx.get(proxy.url + "/.auth/me", headers=ann).json()
    assert (user["email"], sorted(user["groups"])) == ("ann@example.test", ["readers", "staff"])
    mixed = ann | {"x-amzn-oidc-accesstoken": bob["x-amzn-oidc-accesstoken"]}
    assert status(proxy, mixed) == 401, "each user's tokens are good for them only"


def test_a_secret_changes_under_traffic_and_nobody_who_stays_admitted_is_refused(start, aws, secret, ann, bob):
    proxy = start(COGNITO_AUTH_SECRET_NAME=secret)
    stop, refused, served = threading.Event(), [], itertools.count()

    def work() -> None:
        with httpx.Client(base_url=proxy.url, headers=SCRIPT | ann, timeout=PATIENCE) as client:
            while not stop.is_set():
                answer = client.get("/resource")
                next(served)
                if answer.status_code != 200:
                    refused.append(answer.status_code)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        for text, expected in [(READERS, 200), (STAFF, 403), (BOTH, 200), (STAFF, 403)]:
            aws.change_secret(secret, text)
            eventually(lambda expected=expected: status(proxy, bob) == expected, f"{text} is in force")
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    count = next(served)
    print(f"{count} requests while the secret changed four times, {len(refused)} refused")
    assert count > 100
    assert refused == []


def test_a_stream_ends_when_the_secret_no_longer_admits_its_user(start, aws, secret, bob):
    aws.change_secret(secret, READERS)
    proxy = start(COGNITO_AUTH_SECRET_NAME=secret)
    with connect(proxy.url.replace("http", "ws") + "/ws/echo", additional_headers=bob) as socket:
        socket.send("hello")
        socket.recv(timeout=PATIENCE)
        aws.change_secret(secret, STAFF)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
    assert closed.value.rcvd.code == 1008


def test_a_secure_string_of_the_parameter_store_is_followed(start, aws, ann, bob):
    aws.put_parameter("/app/policy", STAFF)
    proxy = start(COGNITO_AUTH_SSM_PARAMETER="/app/policy")
    assert (status(proxy, ann), status(proxy, bob)) == (200, 403)
    aws.put_parameter("/app/policy", 'allowed_groups = ["readers"]  # TOML')
    eventually(lambda: status(proxy, bob) == 200, "the parameter's new value")


def test_an_arn_brings_its_region(start, aws, secret, ann):
    arn = aws.ask("secretsmanager", "DescribeSecret", SecretId=secret)["ARN"]
    aws.put_parameter("/app/by-arn", STAFF)
    parameter = "arn:aws:ssm:eu-west-2:123456789012:parameter/app/by-arn"
    for key, name in (("COGNITO_AUTH_SECRET_NAME", arn), ("COGNITO_AUTH_SSM_PARAMETER", parameter)):
        assert status(start(**{key: name, "AWS_REGION": ""}), ann) == 200


def test_sighup_has_the_secret_read_at_once(start, aws, secret, bob):
    proxy = start(COGNITO_AUTH_SECRET_NAME=secret, COGNITO_AUTH_REFRESH="24h")
    assert status(proxy, bob) == 403
    aws.change_secret(secret, READERS)
    proxy.child.send_signal(signal.SIGHUP)
    eventually(lambda: status(proxy, bob) == 200, "the secret's new value")


def test_a_broken_or_deleted_secret_leaves_the_last_good_policy(start, aws, secret, ann, bob):
    proxy = start(COGNITO_AUTH_SECRET_NAME=secret)
    for broken in ("{", "{}", '{"allowed_gruops": ["readers"]}'):
        before = proxy.log.read_text().count("the last good policy stays in force")
        aws.change_secret(secret, broken)
        eventually(lambda: proxy.log.read_text().count("the last good policy stays in force") > before, "the complaint")
        assert (status(proxy, ann), status(proxy, bob)) == (200, 403)
    aws.ask("secretsmanager", "DeleteSecret", SecretId=secret)
    eventually(lambda: says(proxy, "the last good policy stays in force", "InvalidRequestException"), "the complaint")
    assert (status(proxy, ann), status(proxy, bob)) == (200, 403)
    counted = httpx.get(proxy.admin_url + "/metrics").text
    assert 'cognito_auth_proxy_reloads_total{what="policy",outcome="refused"} 4' in counted
    aws.ask("secretsmanager", "RestoreSecret", SecretId=secret)
    aws.change_secret(secret, BOTH)
    eventually(lambda: status(proxy, bob) == 200, "the next good secret")


def test_nothing_starts_without_a_policy_and_check_says_why(aws, fastapi):
    nowhere = {
        "COGNITO_AUTH_SECRET_NAME": "app/nowhere",
        "COGNITO_AUTH_LISTEN": "127.0.0.1:0",
        "COGNITO_AUTH_ADMIN_LISTEN": "off",
    }
    settings = fastapi.proxy.settings | aws.settings() | nowhere
    for arguments, code in ((["run"], 1), (["check"], 64)):
        refused = command(*arguments, **settings)
        assert refused.returncode == code
        for said in ("authoriser.secret_name", "app/nowhere", "region eu-west-2", "ResourceNotFoundException"):
            assert said in refused.stderr
    regionless = command("check", **settings | {"AWS_REGION": ""})
    assert regionless.returncode == 64
    assert "AWS_REGION" in regionless.stderr

