"""A FastAPI app on uvicorn behind the proxy: sockets, streams both ways, large bodies and heads, the end of the process."""

import hashlib
import http.client
import json
import os
import pathlib
import secrets
import signal
import socket
import threading

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from stack import NAVIGATION, PATIENCE, REDIRECT_URL, SCRIPT, Proxy, answers, eventually

MIB = 1024 * 1024
FORGED = ["X-Auth-User", "X_Auth_User", "x-auth-USER", "X.Auth.User"]


@pytest.fixture
def client(fastapi, staff):
    with fastapi.client(staff) as opened:
        yield opened


@pytest.fixture
def app(fastapi):
    """The application itself, past the proxy: for opening gates and reading counters."""
    with httpx.Client(base_url=fastapi.app.url, timeout=PATIENCE) as opened:
        yield opened


def folded(fields, name):
    """The values of every field an application could take for `name`."""
    fold = "".join(c if c.isalnum() else "-" for c in name.lower())
    return [value for key, value in fields if "".join(c if c.isalnum() else "-" for c in key.lower()) == fold]


# Identity


def test_app_verifies_the_user_with_the_lines_of_the_readme(client):
    user = client.get("/whoami").json()
    assert (user["sub"], user["email"], user["groups"]) == ("alice-sub", "alice@example.com", ["staff", "readers"])
    assert user["email_verified"] is True
    assert user["is_admin"] is False


def test_app_refuses_what_the_proxy_did_not_sign(app):
    for value in ("", "x.y.z", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."):
        assert app.get("/whoami", headers={"x-auth-user": value}).status_code == 401


def test_me_says_what_the_app_sees(client):
    assert client.get("/.auth/me").json()["email"] == "alice@example.com"


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("connection", [None, "close, X-Auth-User", "x_auth_user"])
def test_forged_identity_is_replaced(client, assertions, name, connection):
    extra = {name: "forged"} | ({"connection": connection} if connection else {})
    fields = client.get("/headers", headers=extra).json()["headers"]
    [value] = folded(fields, "x-auth-user")
    assertions.add(value)
    assert value.count(".") == 2
    assert "forged" not in json.dumps(fields)


def test_doubled_forged_identity_is_replaced(fastapi, staff, assertions):
    pairs = [*staff.items(), ("x-auth-user", "forged-1"), ("X-Auth-User", "forged-2"), ("x_auth_user", "forged-3")]
    fields = httpx.get(fastapi.url + "/headers", headers=pairs).json()["headers"]
    [value] = folded(fields, "x-auth-user")
    assertions.add(value)
    assert "forged" not in json.dumps(fields)


@pytest.mark.parametrize("name", FORGED)
def test_public_path_carries_no_identity_at_all(fastapi, staff, name):
    for fields in ({}, staff):
        with fastapi.client(fields, {name: "forged"}) as client:
            answer = client.get("/public/headers")
        assert answer.status_code == 200
        seen = answer.json()["headers"]
        assert not folded(seen, "x-auth-user")
        assert not [key for key, _ in seen if key.startswith("x-amzn-oidc")]


@pytest.mark.parametrize("path", ["/public/headers/", "/public/../headers", "/public/headers;x", "//public/headers", "/Public/headers"])
def test_only_the_exact_path_is_public(fastapi, path):
    connection = http.client.HTTPConnection("127.0.0.1", fastapi.proxy.port, timeout=PATIENCE)
    connection.request("GET", path, headers=SCRIPT)
    assert connection.getresponse().status in (400, 401)
    connection.close()


def test_alb_tokens_and_session_cookies_stay_here(client):
    cookie = "a=1; AWSELBAuthSessionCookie-0=shard; b==2; AWSALBAuthNonce=n; AWSELBAuthSessionCookie-1=shard"
    fields = client.get("/headers", headers={"cookie": cookie}).json()["headers"]
    assert not [key for key, _ in fields if key.startswith("x-amzn-oidc")]
    assert folded(fields, "cookie") == ["a=1; b==2"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_no_method_passes_without_tokens(fastapi, method):
    with fastapi.client(SCRIPT) as client:
        assert client.request(method, "/resource").status_code == 401


def test_unsafe_navigation_is_redirected_with_303(fastapi):
    with fastapi.client(NAVIGATION) as client:
        answer = client.post("/headers")
    assert (answer.status_code, answer.headers["location"]) == (303, REDIRECT_URL)


def test_refusals_by_reason(fastapi, staff, outsider, expired):
    signature = staff["x-amzn-oidc-data"].rsplit(".", 1)
    altered = {**staff, "x-amzn-oidc-data": f"{signature[0]}.{'A' * 86}=="}
    cases = [
        ({}, 401, "missing_credential"),
        (outsider, 403, "not_allowed"),
        (expired, 401, "token_expired"),
        (altered, 401, "bad_signature"),
        ({**staff, "x-amzn-oidc-data": "not.a.token"}, 401, "malformed_token"),
    ]
    for fields, status, code in cases:
        with fastapi.client(fields, SCRIPT) as client:
            answer = client.get("/whoami")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_expired_access_token_leads_to_one_new_login(fastapi, issuer):
    fields = issuer.mint(email="alice@example.com", sub="alice-sub", groups="staff", ttl=600, access_ttl=-60)
    session = {"cookie": "AWSELBAuthSessionCookie-0=shard; theme=dark"}
    with fastapi.client(fields, NAVIGATION, session) as client:
        answer = client.get("/resource?page=2")
        assert (answer.status_code, answer.headers["location"]) == (302, "/resource?page=2")
        cookies = answer.headers.get_list("set-cookie")
        assert [c for c in cookies if c.startswith("AWSELBAuthSessionCookie-0=;")], cookies
        # The guard comes with the answer, and the second time round it is a refusal. It is `Secure`, so a client on
        # plain http has to be made to send it.
        [guard] = [c.split(";")[0] for c in cookies if not c.startswith("AWSELBAuthSessionCookie")]
        again = client.get("/resource?page=2", headers={"cookie": f"{session['cookie']}; {guard}"})
        assert again.headers["location"] == REDIRECT_URL
    with fastapi.client(fields, SCRIPT, session) as client:
        assert client.get("/resource").json()["code"] == "token_expired"


# Methods, heads, framing


def test_head_has_the_fields_of_get_and_no_body(client):
    full, head = client.get("/resource"), client.head("/resource")
    assert full.text == "twelve bytes"
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "12")
    assert head.headers["x-kind"] == "resource"


def test_options_reaches_the_app(client):
    answer = client.options("/resource")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_field_of_12_kb_passes_both_ways_to_the_app(client):
    fields = client.get("/headers", headers={"x-large": "a" * 12_288}).json()["headers"]
    assert folded(fields, "x-large") == ["a" * 12_288]


def test_path_bytes_arrive_as_sent(client):
    for path in ("/headers?a=%2F&b=c+d", "/headers"):
        assert client.get(path).json()["path"] == "/headers"
    answer = client.get("/gates/a%2Fb=%C3%BC")
    assert answer.status_code in (404, 405)


def test_chunked_request_body(client):
    parts = [b"one", b"two" * 10_000, b"three"]
    answer = client.post("/upload", content=iter(parts)).json()
    assert (answer["bytes"], answer["framing"]) == (len(b"".join(parts)), "chunked")
    assert answer["sha256"] == hashlib.sha256(b"".join(parts)).hexdigest()


def head_of(fastapi, fields, *lines):
    named = [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, f"Host: 127.0.0.1:{fastapi.proxy.port}", *named, "", ""]).encode()


def response_head(reader):
    lines = []
    while (line := reader.readline().decode().strip()) or not lines:
        lines.append(line)
    return lines


def test_100_continue_comes_before_the_body(fastapi, staff):
    request = head_of(fastapi, staff, "POST /upload HTTP/1.1", "Content-Length: 5", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", fastapi.proxy.port), PATIENCE) as wire:
        reader = wire.makefile("rb")
        wire.sendall(request)
        assert response_head(reader)[0].startswith("HTTP/1.1 100 ")
        wire.sendall(b"hello")
        head = response_head(reader)
        assert head[0].startswith("HTTP/1.1 200 ")


def test_refused_upload_is_not_asked_to_continue(fastapi):
    request = head_of(fastapi, SCRIPT, "POST /upload HTTP/1.1", "Content-Length: 5000000", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", fastapi.proxy.port), PATIENCE) as wire:
        wire.sendall(request)
        assert response_head(wire.makefile("rb"))[0].startswith("HTTP/1.1 401 ")


# Streams and memory


def test_events_arrive_one_by_one(client, app):
    # The app sends an event only after the one before it was acknowledged: batching would never end.
    channel, received = secrets.token_hex(4), []
    with client.stream("GET", "/events", params={"channel": channel, "count": 5}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("id: "):
                received.append(int(line[4:]))
            if line.startswith("data: "):
                app.post(f"/gates/{channel}-{received[-1]}")
    assert received == list(range(5))


def test_upload_of_200_mb_takes_constant_memory(fastapi, client):
    block, blocks, digest = os.urandom(MIB), 200, hashlib.sha256()

    def body():
        for _ in range(blocks):
            digest.update(block)
            yield block

    client.post("/upload", content=b"warm")
    before = fastapi.proxy.memory_peak()
    answer = client.post("/upload", content=body(), headers={"content-length": str(blocks * MIB)}).json()
    after = fastapi.proxy.memory_peak()
    print(f"peak resident memory of the proxy: {before} bytes before, {after} bytes after the upload")
    assert (answer["bytes"], answer["sha256"]) == (blocks * MIB, digest.hexdigest())
    assert after - before < 16 * MIB


def test_slow_app_holds_back_the_uploading_client(fastapi, staff, app):
    # The app reads nothing until its gate opens, so all the client gets rid of is in buffers on the way.
    gate, size, sent = secrets.token_hex(4), 100 * MIB, 0
    request = head_of(fastapi, staff, f"POST /upload?gate={gate} HTTP/1.1", f"Content-Length: {size}")
    before = fastapi.proxy.memory_peak()
    with socket.create_connection(("127.0.0.1", fastapi.proxy.port), PATIENCE) as wire:
        wire.sendall(request)
        wire.settimeout(1)
        try:
            while sent < size:
                sent += wire.send(bytes(min(MIB, size - sent)))
        except TimeoutError:
            pass
        assert sent < size / 2, "the proxy swallowed a body nobody read"
        app.post(f"/gates/{gate}")
        wire.settimeout(PATIENCE)
        while sent < size:
            sent += wire.send(bytes(min(MIB, size - sent)))
        assert response_head(wire.makefile("rb"))[0].startswith("HTTP/1.1 200 ")
    assert fastapi.proxy.memory_peak() - before < 16 * MIB


def test_slow_client_holds_back_the_app(fastapi, client, app):
    name, chunks = secrets.token_hex(4), 3200  # 200 MiB
    before = fastapi.proxy.memory_peak()

    def stalled():
        first = app.get(f"/counters/{name}").json()
        threading.Event().wait(0.5)
        return first == app.get(f"/counters/{name}").json() > 0

    with client.stream("GET", "/download", params={"name": name, "chunks": chunks}) as stream:
        eventually(stalled, "the app is held back")
        assert app.get(f"/counters/{name}").json() < chunks / 2
        assert sum(len(chunk) for chunk in stream.iter_raw()) == chunks * 65536
    assert fastapi.proxy.memory_peak() - before < 16 * MIB


def test_client_that_goes_away_is_seen_by_the_app(client, app):
    gate = secrets.token_hex(4)
    with client.stream("GET", "/slow", params={"gate": gate}) as stream:
        body = stream.iter_raw()  # kept: the stream ends when its iterator is forgotten
        assert next(body) == b"begun "
        assert app.get(f"/counters/{gate}").json() == 1
    eventually(lambda: app.get(f"/counters/{gate}").json() == 0, "the app saw the client go")


def test_client_that_goes_away_before_the_answer_is_seen_by_the_app(fastapi, staff, app):
    name = secrets.token_hex(4)
    with socket.create_connection(("127.0.0.1", fastapi.proxy.port), PATIENCE) as wire:
        wire.sendall(head_of(fastapi, staff, f"GET /held?name={name} HTTP/1.1"))
        eventually(lambda: app.get(f"/counters/{name}").json() == 1, "the request is with the app")
    eventually(lambda: app.get(f"/counters/{name}").json() == 0, "the app saw the client go")


@pytest.mark.parametrize("framing, body", [("Content-Length: 1000", b"x" * 10), ("Transfer-Encoding: chunked", b"a\r\nxxxxxxxxxx\r\n")])
def test_upload_broken_off_is_never_whole_for_the_app(fastapi, staff, app, framing, body):
    name = secrets.token_hex(4)
    with socket.create_connection(("127.0.0.1", fastapi.proxy.port), PATIENCE) as wire:
        wire.sendall(head_of(fastapi, staff, f"POST /upload?name={name} HTTP/1.1", framing) + body)
        eventually(lambda: app.get(f"/counters/{name}-begun").json() == 1, "the upload is with the app")
    eventually(lambda: app.get(f"/counters/{name}-broken-off").json() == 1, "the app saw the upload break off")
    assert app.get(f"/counters/{name}-complete").json() == 0


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_answer_broken_off_is_never_whole_for_the_client(client, framing):
    with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", "/broken", params={"framing": framing}) as stream:
        assert stream.status_code == 200
        assert b"".join(stream.iter_raw()) == "not reached"


# WebSocket


def open_socket(fastapi, path, fields, **options):
    return connect(
        f"ws://127.0.0.1:{fastapi.proxy.port}{path}",
        additional_headers=fields,
        open_timeout=PATIENCE,
        max_size=None,
        proxy=None,
        **options,
    )


def test_socket_echoes_text_binary_and_large_frames(fastapi, staff):
    with open_socket(fastapi, "/ws/echo", staff) as ws:
        for message in ("text ü", "", b"\x00\xff", os.urandom(8 * MIB), "x" * 3_000_000):
            ws.send(message)
            assert ws.recv(PATIENCE) == message


def test_socket_fragments_pass(fastapi, staff):
    with open_socket(fastapi, "/ws/echo", staff) as ws:
        ws.send(iter(["one ", "two ", "three"]))
        assert ws.recv(PATIENCE) == "one two three"


def test_close_code_of_the_app_reaches_the_client(fastapi, staff):
    with open_socket(fastapi, "/ws/echo", staff) as ws:
        ws.send("close:4001:enough")
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv(PATIENCE)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")


def test_close_code_of_the_client_reaches_the_app(fastapi, staff, app):
    name = secrets.token_hex(4)
    with open_socket(fastapi, f"/ws/echo?name={name}", staff) as ws:
        ws.close(4002, "bye")
    eventually(lambda: app.get(f"/close-codes/{name}").json() == 4002, "the app saw the close code")


def test_subprotocol_is_agreed_end_to_end(fastapi, staff):
    with open_socket(fastapi, "/ws/echo", staff, subprotocols=["streamlit", "other"]) as ws:
        assert ws.subprotocol == "streamlit"


def test_socket_handshake_carries_our_identity_only(fastapi, staff, assertions):
    forged = [*staff.items(), ("X-Auth-User", "forged"), ("X_Auth_User", "forged")]
    with open_socket(fastapi, "/ws/headers", forged) as ws:
        fields = json.loads(ws.recv(PATIENCE))
    [value] = folded(fields, "x-auth-user")
    assertions.add(value)
    assert "forged" not in json.dumps(fields)
    assert not [key for key, _ in fields if key.startswith("x-amzn-oidc")]


@pytest.mark.parametrize("who", ["nobody", "outsider", "expired", "foreign site"])
def test_socket_is_refused_on_the_handshake(fastapi, staff, outsider, expired, who):
    fields, status = {
        "nobody": ({}, 401),
        "outsider": (outsider, 403),
        "expired": (expired, 401),
        "foreign site": ({**staff, "Origin": "https://evil.example"}, 403),
    }[who]
    with pytest.raises(InvalidStatus) as refused, open_socket(fastapi, "/ws/echo", fields):
        pass
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["content-type"] == "application/problem+json"


# The end of the process


@pytest.fixture
def own_proxy(issuer, fastapi):
    """A proxy of one test's own, in front of the same app."""
    proxy = Proxy(f"drain_proxy_{secrets.token_hex(2)}", issuer, fastapi.app, COGNITO_AUTH_DRAIN_DEADLINE="60s")
    proxy.ready()
    yield proxy
    proxy.stop()


def test_sigterm_lets_a_slow_answer_end_and_exits_0(own_proxy, staff, app):
    gate = secrets.token_hex(4)
    with httpx.Client(base_url=own_proxy.url, headers=staff, timeout=PATIENCE) as client:
        with client.stream("GET", "/slow", params={"gate": gate}) as stream:
            body = stream.iter_raw()
            assert next(body) == b"begun "
            own_proxy.child.send_signal(signal.SIGTERM)
            eventually(lambda: not answers(own_proxy.url + "/.auth/ready"), "readiness is off")
            assert own_proxy.child.poll() is None
            app.post(f"/gates/{gate}")
            assert b"".join(body) == b"ended"
    assert own_proxy.child.wait(PATIENCE) == 0


def test_as_pid_1_it_heeds_sigterm_and_drains(issuer, fastapi, staff, app):
    """The kernel gives PID 1 no default action for a signal; a container's entry point has to bring its own."""
    unprivileged = () if os.geteuid() == 0 else ("--map-root-user",)
    under = ("unshare", *unprivileged, "--fork", "--pid", "--kill-child", "--")
    proxy = Proxy("pid_1_proxy", issuer, fastapi.app, under=under)
    proxy.ready()
    [pid] = pathlib.Path(f"/proc/{proxy.child.pid}/task/{proxy.child.pid}/children").read_text().split()
    assert f"NSpid:\t{pid}\t1\n" in pathlib.Path(f"/proc/{pid}/status").read_text()
    gate = secrets.token_hex(4)
    with httpx.Client(base_url=proxy.url, headers=staff, timeout=PATIENCE) as client:
        with client.stream("GET", "/slow", params={"gate": gate}) as stream:
            body = stream.iter_raw()
            assert next(body) == b"begun "
            os.kill(int(pid), signal.SIGTERM)
            eventually(lambda: not answers(proxy.url + "/.auth/ready"), "readiness is off")
            app.post(f"/gates/{gate}")
            assert b"".join(body) == b"ended"
    assert proxy.child.wait(PATIENCE) == 0


def test_sigterm_lets_a_socket_end_and_exits_0(own_proxy, staff):
    with connect(f"ws://127.0.0.1:{own_proxy.port}/ws/echo", additional_headers=staff, proxy=None) as ws:
        ws.send("before")
        assert ws.recv(PATIENCE) == "before"
        own_proxy.child.send_signal(signal.SIGTERM)
        eventually(lambda: not answers(own_proxy.url + "/.auth/ready"), "readiness is off")
        ws.send("during")
        assert ws.recv(PATIENCE) == "during"
    assert own_proxy.child.wait(PATIENCE) == 0


def test_app_that_is_not_there_is_502_and_not_401(issuer, staff, fastapi):
    class Gone:
        url = "http://127.0.0.1:1"

    proxy = Proxy("no_app_proxy", issuer, Gone())
    proxy.wait_for(lambda: answers(proxy.url + "/.auth/health"), "healthy")
    try:
        answer = httpx.get(proxy.url + "/", headers=staff | SCRIPT, timeout=PATIENCE)
        assert (answer.status_code, answer.json()["code"]) == (502, "upstream_unreachable")
        assert httpx.get(proxy.url + "/.auth/ready").status_code == 503
    finally:
        assert proxy.stop() == 0
