"""The image, run as a platform runs it: with nothing it could write to or raise itself with, requests through it, signals."""

import concurrent.futures
import json

import httpx
import jwt
import pytest

from engine import HARDENED, IMAGE, eventually, pod, status_of

MEMORY = 64 * 1024 * 1024


@pytest.fixture
def client(task):
    with httpx.Client(base_url=task.url, timeout=30) as opened:
        yield opened


def test_runs_as_nobody_with_no_capability_on_a_read_only_root(proxy):
    status = proxy.status()
    assert status["Uid"] == status["Gid"] == "65532 65532 65532 65532"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["NSpid"].split()[-1] == "1"
    mounts = [line.split() for line in proxy.process("mounts").splitlines()]
    writable = {fields[1] for fields in mounts if "rw" in fields[3].split(",")}
    # /dev and below is the runtime's in every container, and belongs to root.
    assert "/" not in writable
    assert not {place for place in writable if not place.startswith(("/dev", "/proc", "/sys"))}


def test_signed_in_user_reaches_the_application_with_one_statement(proxy, task, client, staff):
    answer = client.get("/hello", headers=staff | {"x-auth-user": "forged", "x_auth_user": "forged"})
    assert answer.status_code == 200
    statements = [value for name, value in answer.json()["fields"] if name.replace("_", "-") == "x-auth-user"]
    assert len(statements) == 1
    keys = jwt.PyJWKSet.from_dict(client.get("/.auth/jwks.json").json())
    key = keys[jwt.get_unverified_header(statements[0])["kid"]]
    user = jwt.decode(statements[0], key, ["ES256"], issuer="cognito-auth-proxy", audience="upstream")
    assert (user["email"], user["groups"]) == ("alice@example.com", ["staff"])


def test_refuses_whom_it_must(proxy, client, staff, outsider):
    assert client.get("/hello").status_code == 401
    assert client.get("/hello", headers={"x-auth-user": "forged"}).status_code == 401
    assert client.get("/hello", headers=outsider).status_code == 403
    tampered = staff | {"x-amzn-oidc-data": staff["x-amzn-oidc-data"].replace(".", ".e", 1)}
    assert client.get("/hello", headers=tampered).status_code == 401


def test_nothing_but_the_proxy_can_be_reached_from_outside(proxy, task):
    address = task.app.inspect()["NetworkSettings"]["IPAddress"]
    assert status_of(f"http://{address}:8080/.auth/health") == 200
    assert status_of(f"http://{address}:7860/") == 0
    assert status_of(f"http://{address}:9090/health") == 0


def test_keys_come_only_from_a_server_that_the_roots_vouch_for(task, client, staff):
    """The stand-in's certificate is not signed by any authority of the image's own."""
    proxy = task.start_proxy()
    try:
        assert client.get("/hello", headers=staff).status_code == 503
    finally:
        proxy.remove()


def test_health_check_of_the_image_tells_well_from_ill(proxy):
    assert pod("healthcheck", "run", proxy.name, check=False).returncode == 0
    command = ["exec", proxy.name, "/cognito-auth-proxy", "healthcheck"]
    assert pod(*command, check=False).returncode == 0
    assert pod(*command, "--admin-listen", "127.0.0.1:1", check=False).returncode == 1


def test_broken_configuration_is_told_and_ends_with_64():
    done = pod("run", "--rm", *HARDENED, "--env=COGNITO_AUTH_LISTEN=nowhere", IMAGE, "check", check=False)
    assert done.returncode == 64
    assert "COGNITO_AUTH_LISTEN" in done.stderr


def test_hang_up_does_not_end_it(proxy, client, staff):
    proxy.signal("HUP")
    eventually(lambda: "SIGHUP" in proxy.logs(), "a line of the log that says so")
    assert client.get("/hello", headers=staff).status_code == 200
    assert proxy.inspect()["State"]["Running"]


def test_drains_as_first_process(proxy, task, client, staff):
    """An open stream ends whole after the signal, and then the process ends well."""
    with client.stream("GET", "/stream", headers=staff) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"data: first\n\n"
        proxy.signal("TERM")
        eventually(lambda: status_of(task.url + "/.auth/ready") != 200, "readiness is off")
        task.open_gate()
        assert b"".join(parts) == b"data: second\n\n"
    assert proxy.exit_code() == 0


def test_second_signal_ends_it_at_once(proxy, client, staff):
    with client.stream("GET", "/stream", headers=staff) as answer:
        assert next(answer.iter_raw()) == b"data: first\n\n"
        proxy.signal("TERM")
        eventually(lambda: "stopping" in proxy.logs(), "the first signal is heard")
        proxy.signal("TERM")
        assert proxy.exit_code() == 0


def test_lives_in_64_mib(proxy, task, client):
    """New users, each verified, and large uploads at the same time; the limit is the kernel's, and nothing was killed for it."""
    users = [task.clerk.mint(email=f"u{n}@example.com", sub=f"sub-{n}", groups="staff", ttl=3600) for n in range(300)]
    upload = bytes(4_000_000)

    def ask(fields: dict[str, str]) -> int:
        return client.get("/hello", headers=fields).status_code

    def send(fields: dict[str, str]) -> int:
        return client.post("/upload", headers=fields, content=upload).json()["read"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, users * 3)) == {200}
        assert set(pool.map(send, users[:32])) == {len(upload)}
    peak = int(proxy.status()["VmHWM"].split()[0]) * 1024
    print(f"{peak} bytes resident at most")
    assert peak < MEMORY
    limit = json.loads(pod("inspect", "--format={{json .HostConfig.Memory}}", proxy.name).stdout)
    assert limit == MEMORY
    state = proxy.inspect()["State"]
    assert state["Running"]
    assert not state["OOMKilled"]
