"""The wall clock steps, as it does after a suspended host wakes or a wrong clock is set right.

The real binary runs under libfaketime, whose offset is in a file that a test rewrites; the monotonic clock stays as it
is, as with a real step. Tokens must live and die by the new clock at once, and nothing else may notice.
"""

import base64
import glob
import json
import pathlib
import signal
import socket
import time

import httpx
import pytest

from conftest import EMAIL
from stack import PATIENCE, SCRIPT, Proxy, answers, eventually

HOUR = 3600
# What a clock here and the proxy's may differ by while a request is on its way.
NEAR = 30


class Clock:
    """The wall clock of one process, as an offset from the true one."""

    def __init__(self, directory: pathlib.Path):
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        assert libraries, "needs Debian's package faketime: a clock that cannot be set is no test of one that is"
        self.file = directory / "offset"
        self.offset = 0
        self.step_to(0)
        self.environment = {
            "LD_PRELOAD": libraries[0],
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Files keep their times.
            "NO_FAKE_STAT": "1",
        }

    def step_to(self, offset: int) -> None:
        self.offset = offset
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset:+d}")
        new.rename(self.file)

    def now(self) -> float:
        return time.time() + self.offset


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def proxy(issuer, fastapi, clock, tmp_path, request):
    """A proxy of the test's own whose clock can be set."""
    policy = tmp_path / "policy.json"
    policy.write_text('{"allowed_groups": ["staff"]}')
    name = f"clock_proxy_{request.node.name.removeprefix('test_')}"
    settings = {"COGNITO_AUTH_ALLOWED_GROUPS": "", "COGNITO_AUTH_CONFIG_PATH": str(policy)}
    proxy = Proxy(name, issuer, fastapi.app, **settings, **clock.environment)
    proxy.policy = policy
    proxy.ready()
    yield proxy
    code = proxy.stop()
    log = proxy.log.read_text()
    assert code == 0, log
    assert "panicked" not in log


class Line:
    """One HTTP/1.1 connection that is never replaced by another."""

    def __init__(self, proxy: Proxy):
        self.socket = socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)
        self.reader = self.socket.makefile("rb")

    def ask(self, path: str, fields: dict[str, str]) -> tuple[int, dict]:
        head = [f"GET {path} HTTP/1.1", "host: app.example", *(f"{name}: {value}" for name, value in fields.items())]
        self.socket.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        status = int(self.reader.readline().split()[1])
        length = 0
        while (line := self.reader.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, json.loads(self.reader.read(length))


def assertion_of(answer: dict, assertions: set[str]) -> dict:
    """The claims the application was given."""
    [token] = [value for name, value in answer["headers"] if name == "x-auth-user"]
    assertions.add(token)
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def mint(issuer, clock: Clock, life: int) -> dict[str, str]:
    """A credential that is good for so many seconds by the proxy's clock."""
    return issuer.mint(email=EMAIL, sub="alice-sub", groups="staff", ttl=clock.offset + life, access_ttl=clock.offset + HOUR)


def test_tokens_live_and_die_by_the_clock_as_it_is_now(proxy, issuer, clock, assertions):
    line = Line(proxy)
    clocks_until = {}

    def judged(name: str, fields: dict[str, str]) -> tuple[int, str]:
        status, answer = line.ask("/headers", fields | SCRIPT)
        if status != 200:
            return status, answer["code"]
        claims = assertion_of(answer, assertions)
        assert abs(claims["iat"] - clock.now()) < NEAR, f"{name}: stated at {claims['iat']}, it is {clock.now():.0f}"
        assert claims["iat"] < claims["exp"] <= claims["iat"] + HOUR, name
        clocks_until[name] = claims["exp"]
        return status, claims["email"]

    good, expired = (200, EMAIL), (401, "token_expired")
    first = mint(issuer, clock, 600)
    assert [judged("first", first) for _ in range(2)] == [good, good], "the second time from memory"

    clock.step_to(HOUR)
    assert judged("first, an hour later", first) == expired, "also where it was remembered"
    second = mint(issuer, clock, 600)
    assert [judged("second", second) for _ in range(2)] == [good, good]

    clock.step_to(0)
    assert judged("first, back in its time", first) == good
    assert judged("second, an hour early", second) == good

    clock.step_to(-HOUR)
    assert judged("first, an hour early", first) == good
    gone = mint(issuer, clock, -60)
    assert judged("expired by the clock of now", gone) == expired

    clock.step_to(HOUR)
    assert judged("first, forward again", first) == expired
    assert judged("second, forward again", second) == good

    clock.step_to(30 * 24 * HOUR)
    assert judged("second, next month", second) == expired
    third = mint(issuer, clock, 600)
    assert judged("third", third) == good
    assert len(set(clocks_until.values())) >= 4, "assertions end by the clock as well"


def test_a_clock_before_1970_and_one_at_the_end_of_its_range_end_nothing(proxy, issuer, clock, assertions):
    fields = mint(issuer, clock, 600)
    line = Line(proxy)
    for offset in (-60 * 365 * 24 * HOUR, 200 * 365 * 24 * HOUR):
        clock.step_to(offset)
        status, answer = line.ask("/headers", fields | SCRIPT)
        assert (status, answer["code"]) in [(401, "token_expired"), (500, "internal")], f"{offset}: {status}"
        assert answers(proxy.url + "/.auth/health")
        clock.step_to(0)
        status, answer = line.ask("/headers", fields | SCRIPT)
        assert status == 200
        assertion_of(answer, assertions)


def test_no_timer_goes_by_the_clock(proxy, issuer, clock, assertions):
    """Idle connections, the policy file, and known keys: what waits for a time is not early and not stuck."""
    line = Line(proxy)
    staff = issuer.mint(email=EMAIL, sub="alice-sub", groups="staff", ttl=40 * HOUR, access_ttl=40 * HOUR)

    def admitted() -> bool:
        status, answer = line.ask("/headers", staff | SCRIPT)
        if status == 200:
            assertion_of(answer, assertions)
        return status == 200

    assert admitted()
    for number, offset in enumerate((30 * HOUR, -30 * HOUR, HOUR, 0)):
        clock.step_to(offset)
        assert admitted(), "the connection and the keys outlive the step"
        # A policy that admits nobody here, and the one before: each is in force within seconds.
        began = time.monotonic()
        proxy.policy.write_text(json.dumps({"allowed_groups": [f"others-{number}"]}))
        eventually(lambda: not admitted(), "the new policy")
        proxy.policy.write_text(json.dumps({"allowed_groups": ["staff"], "_comment": str(number)}))
        eventually(admitted, "the former policy")
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_drain_takes_its_time_whatever_the_clock_says(issuer, fastapi, clock, staff, step):
    delay = 3
    name = f"clock_proxy_drain_{'forward' if step > 0 else 'back'}"
    settings = {"COGNITO_AUTH_DRAIN_DELAY": f"{delay}s", "COGNITO_AUTH_DRAIN_DEADLINE": "60s"}
    proxy = Proxy(name, issuer, fastapi.app, **settings, **clock.environment)
    proxy.ready()
    gate = f"clock-{step}"
    with httpx.Client(base_url=proxy.url, headers=staff, timeout=PATIENCE) as client:
        with client.stream("GET", "/slow", params={"gate": gate}) as stream:
            body = stream.iter_raw()
            assert next(body) == b"begun "
            began = time.monotonic()
            proxy.child.send_signal(signal.SIGTERM)
            eventually(lambda: not answers(proxy.url + "/.auth/ready"), "readiness is off")
            clock.step_to(step)
            assert answers(proxy.url + "/.auth/health"), "it serves during the delay"
            eventually(lambda: not answers(proxy.url + "/.auth/health"), "the end of accepting")
            assert time.monotonic() - began >= delay - 0.1, "the delay was not cut short"
            assert proxy.child.poll() is None
            httpx.post(f"{fastapi.app.url}/gates/{gate}")
            assert b"".join(body) == b"ended"
    assert proxy.child.wait(PATIENCE) == 0
    assert time.monotonic() - began < 30, "and not prolonged"
    assert "drain deadline reached" not in proxy.log.read_text()
