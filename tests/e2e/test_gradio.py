"""A real, unmodified Gradio app behind the proxy, used by its own client and as a browser uses it."""

import hashlib
import html.parser
import os
import re
import threading
import urllib.parse

import pytest
from gradio_client import Client, handle_file

from conftest import SECRET_IN_QUERY
from stack import NAVIGATION, PATIENCE, REDIRECT_URL, SCRIPT, eventually

FORGED = ["X-Auth-User", "X_Auth_User", "x-auth-USER", "X.Auth.User"]


@pytest.fixture(scope="module")
def api(gradio, staff, tmp_path_factory):
    return Client(gradio.url, headers=staff, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


class References(html.parser.HTMLParser):
    """What a page makes a browser fetch from the same site."""

    def __init__(self, page: str):
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        fetched = named.get("src") if tag in ("script", "img") else None
        if tag == "link" and named.get("rel") != "preconnect":
            fetched = named.get("href")
        if fetched and not urllib.parse.urlsplit(fetched).netloc:
            self.found.add(fetched)


def test_page_and_every_asset_it_names_load(gradio, staff):
    with gradio.client(staff) as client:
        page = client.get("/", headers=NAVIGATION)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        wanted, loaded = {urllib.parse.urljoin("/", name) for name in References(page.text).found}, set()
        for named_by_the_page in sorted(wanted):
            script = load(client, named_by_the_page, loaded)
            for name in re.findall(r'"(\./[\w.-]+\.(?:js|css))"', script):
                load(client, urllib.parse.urljoin(named_by_the_page, name), loaded)
        assert len(loaded) > 15, loaded


def load(client, path, loaded):
    if path in loaded:
        return ""
    answer = client.get(path, headers=SCRIPT)
    assert answer.status_code == 200, path
    assert answer.content, path
    loaded.add(path)
    return answer.text if path.endswith(".js") else ""


def test_public_address_of_the_page_is_the_one_the_browser_used(gradio, staff):
    public = {"host": "app.example.com", "x-forwarded-proto": "https", "x-forwarded-port": "443"}
    misleading = {"x-forwarded-host": "evil.example", "x-gradio-server": "https://evil.example"}
    with gradio.client(staff, public, misleading) as client:
        assert client.get("/config").json()["root"] == "https://app.example.com"


def test_predict_through_the_gradio_client(api):
    assert api.predict("ada", api_name="/greet") == "hello ada"


def test_output_streams_part_by_part(api):
    # The app makes a part only after the one before it was acknowledged, so a proxy that batches never gets to the end.
    job = api.submit("by-client", 4, api_name="/stream")
    for number, part in enumerate(job):
        assert part == f"part {number}"
        api.predict("by-client", number, api_name="/ack")
    assert job.outputs() == [f"part {number}" for number in range(4)]


def test_app_sees_the_verified_user_and_no_alb_header(api):
    user = api.predict(api_name="/who")
    assert user == {
        "sub": "alice-sub",
        "email": "alice@example.com",
        "groups": ["staff", "readers"],
        "assertions": 1,
        "alb": [],
    }


def test_upload_arrives_whole(api, tmp_path):
    content = os.urandom(5_000_000)
    (tmp_path / "up load=1.bin").write_bytes(content)
    stored = api.predict(handle_file(tmp_path / "up load=1.bin"), api_name="/size")
    assert stored == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_file_comes_back_byte_for_byte(api, tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "there.bin").write_bytes(content)
    returned = api.predict(handle_file(tmp_path / "there.bin"), api_name="/give_back")
    with open(returned, "rb") as file:
        assert file.read() == content


def test_ranges_are_served_and_echo_no_identity(gradio, staff, tmp_path):
    # Gradio copies the request's fields into a 206.
    with gradio.client(staff, {"cookie": "AWSELBAuthSessionCookie-0=shard; theme=dark"}) as client:
        uploaded = client.post("/gradio_api/upload", files={"files": ("range.bin", b"0123456789")}).json()[0]
        part = client.get(f"/gradio_api/file={uploaded}", headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, b"2345")
    leaked = {"x-auth-user", "cookie", "authorization", "x-amzn-oidc-data", "x-amzn-oidc-accesstoken"}
    assert not leaked & {name.lower() for name in part.headers}


def heartbeat(client, session):
    return client.stream("GET", f"/gradio_api/heartbeat/{session}", headers={**SCRIPT, "accept": "text/event-stream"})


def test_end_of_a_heartbeat_reaches_the_app_at_once(gradio, staff, api):
    with gradio.client(staff) as client:
        with heartbeat(client, "e2e-session") as stream:
            assert stream.status_code == 200
            lines = stream.iter_lines()  # kept: the stream ends when its iterator is forgotten
            assert next(lines) == "data: ALIVE"
            assert api.predict("e2e-session", api_name="/was_unloaded") is False
    eventually(lambda: api.predict("e2e-session", api_name="/was_unloaded"), "the app saw the client go")


def test_forged_identity_headers_arrive_nowhere(gradio, staff, assertions):
    for name in FORGED:
        with gradio.client(staff, {name: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."}) as client:
            answer = client.post("/gradio_api/run/who", json={"data": []})
            assert answer.status_code == 200, answer.text
            user = answer.json()["data"][0]
            assert (user["sub"], user["assertions"]) == ("alice-sub", 1), name


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/heartbeat/x", "/theme.css", "/assets/index.js"])
def test_navigation_without_tokens_is_sent_to_the_401_page(gradio, path):
    with gradio.client(NAVIGATION) as client:
        answer = client.get(path, params={"secret": SECRET_IN_QUERY})
    assert answer.status_code == 302
    assert answer.headers["location"] == REDIRECT_URL
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("forged", [None, *FORGED])
def test_script_without_tokens_gets_401(gradio, forged):
    with gradio.client(SCRIPT, {forged: "x.y.z"} if forged else {}) as client:
        answer = client.post("/gradio_api/run/greet", json={"data": ["ada"]})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "missing_credential"


def test_user_of_another_group_is_refused(gradio, outsider):
    with gradio.client(outsider) as client:
        refused = client.get("/config", headers=SCRIPT)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        sent_away = client.get("/", headers=NAVIGATION)
        assert (sent_away.status_code, sent_away.headers["location"]) == (302, REDIRECT_URL)


def test_expired_token_is_refused(gradio, expired):
    with gradio.client(expired, SCRIPT) as client:
        answer = client.get("/config")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


def test_tokens_of_two_people_do_not_mix(gradio, staff, outsider):
    mixed = {**staff, "x-amzn-oidc-accesstoken": outsider["x-amzn-oidc-accesstoken"]}
    with gradio.client(mixed, SCRIPT) as client:
        answer = client.get("/config")
    assert (answer.status_code, answer.json()["code"]) == (401, "subject_mismatch")


def test_foreign_site_cannot_call_the_app(gradio, staff):
    with gradio.client(staff, {"origin": "https://evil.example", "sec-fetch-mode": "cors"}) as client:
        answer = client.post("/gradio_api/run/greet", json={"data": ["ada"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
        assert "access-control-allow-origin" not in answer.headers


def test_many_tabs_at_once(gradio, staff):
    """As many page loads side by side as a small team makes; each asset answer belongs to its request."""
    failures: list[str] = []

    def tab():
        with gradio.client(staff) as client:
            for number in range(20):
                answer = client.post("/gradio_api/run/greet", json={"data": [f"{threading.get_ident()} {number}"]})
                if answer.status_code != 200 or answer.json()["data"] != [f"hello {threading.get_ident()} {number}"]:
                    failures.append(f"{answer.status_code} {answer.text}")

    tabs = [threading.Thread(target=tab) for _ in range(10)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join(PATIENCE)
    assert not failures
