"""A real browser uses real applications through the proxy: every asset loads, streams stream, sockets open."""

import hashlib
import os
import re
import secrets
import urllib.parse

import httpx
import pytest
from playwright.sync_api import Page, expect

from stack import BINARY, Process, Stack, eventually

# Dev mode: whoever brings no token is the mock user.
AS_THE_MOCK_USER = {
    "COGNITO_AUTH_DEV_MODE": "true",
    "COGNITO_AUTH_ALLOWED_GROUPS": "",
    "COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED": "true",
}


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<script>console.warn('odd')</script>", "console warning: odd"),
        ("<script>console.error('bad')</script>", "console error: bad"),
        ("<script>throw new Error('thrown')</script>", "page error: thrown|page error: Error: thrown"),
        ("<img src=http://127.0.0.1:1/gone.png>", "request failed: net::ERR_UNSAFE_PORT|console error: Failed to load"),
        (
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"><body onload='alert(1)'>",
            "content security policy of .* refuses inline",
        ),
    ],
)
def test_page_with_a_fault_is_complained_of(browser, html, complaint):
    """The guard of every other test here."""
    with browser.tab() as tab:
        tab.page.goto("data:text/html," + urllib.parse.quote(html))
        # Asking the page something is what lets playwright hand over what it heard meanwhile.
        eventually(lambda: tab.page.evaluate("1") and any(re.search(complaint, it) for it in tab.unexpected()), complaint)


def test_nothing_but_loopback_is_reached_and_the_attempt_is_noted(browser):
    with browser.tab() as tab:
        tab.page.goto("data:text/html,<img src=https://example.com/a.png?b>")
        assert tab.outside == {"image https://example.com/a.png"}
        assert tab.failures_outside == {"https://example.com/a.png?b": "net::ERR_NAME_NOT_RESOLVED"}
        assert not tab.unexpected()


@pytest.fixture(scope="module")
def streamlit(issuer, no_secret_in_any_log):
    stack = Stack("streamlit", issuer, "/_stcore/health", COGNITO_AUTH_UPSTREAM_PRESET="streamlit", **AS_THE_MOCK_USER)
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def open_gradio(issuer, no_secret_in_any_log):
    stack = Stack("gradio", issuer, "/config", COGNITO_AUTH_UPSTREAM_PRESET="gradio", **AS_THE_MOCK_USER)
    yield stack
    stack.stop()


def streamlit_ready(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Stream", exact=True)).to_be_visible()


def test_streamlit_answers_over_its_socket(streamlit, tab, page):
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    streamlit_ready(page, streamlit.url)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("hello ada")).to_be_visible()
    assert [url for url in sockets if url.endswith("/_stcore/stream")]
    tab.screenshot("streamlit", "light", "dark")


def test_streamlit_shows_the_verified_user(streamlit, page):
    streamlit_ready(page, streamlit.url)
    expect(page.get_by_text("signed in as dev@example.com")).to_be_visible()
    expect(page.get_by_text("load balancer headers: 0")).to_be_visible()


def test_streamlit_upload_arrives_whole_and_comes_back(streamlit, page):
    content = os.urandom(3_000_000)
    streamlit_ready(page, streamlit.url)
    page.locator("input[type=file]").set_input_files({"name": "up load=1.bin", "mimeType": "application/x", "buffer": content})
    expect(page.get_by_text(f"3000000 bytes, sha256 {hashlib.sha256(content).hexdigest()}")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Give back").click()
    assert download.value.path().read_bytes() == content


def test_streamlit_writes_part_by_part(streamlit, page):
    channel = secrets.token_hex(4)
    streamlit_ready(page, streamlit.url)
    page.get_by_label("Channel").fill(channel)
    page.get_by_label("Channel").press("Enter")
    page.get_by_role("button", name="stream").click()
    for number in range(3):
        # The app makes a part only after the one before it was seen, so a proxy that batches never gets to the end.
        expect(page.get_by_text(f"part {number}")).to_be_visible()
        streamlit.app.open_gate(f"{channel}-{number}")
    expect(page.get_by_text("stream ended")).to_be_visible()


def gradio_ready(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("button", name="greet")).to_be_visible()


def test_gradio_predicts(open_gradio, tab, page):
    gradio_ready(page, open_gradio.url)
    page.get_by_label("Text").fill("ada")
    page.get_by_role("button", name="greet").click()
    expect(page.get_by_label("Answer")).to_have_value("hello ada")
    tab.screenshot("gradio", "light", "dark")


def test_gradio_shows_the_verified_user(open_gradio, page):
    gradio_ready(page, open_gradio.url)
    page.get_by_role("button", name="who").click()
    expect(page.get_by_text("dev@example.com")).to_be_visible()


def test_gradio_streams_part_by_part(open_gradio, page):
    channel = secrets.token_hex(4)
    gradio_ready(page, open_gradio.url)
    page.get_by_label("Text").fill(channel)
    page.get_by_label("Number").fill("3")
    page.get_by_role("button", name="stream").click()
    for number in range(3):
        expect(page.get_by_label("Answer")).to_have_value(f"part {number}")
        seen = httpx.post(open_gradio.app.url + "/gradio_api/run/ack", json={"data": [channel, number]})
        assert seen.status_code == 200


def test_gradio_upload_arrives_whole_and_comes_back(open_gradio, tab, page):
    # What Gradio's own stand-in for EventSource says when its upload progress ends, without a proxy as well.
    tab.expect(r"console warning: Method not implemented\.")
    content = os.urandom(3_000_000)
    gradio_ready(page, open_gradio.url)
    page.locator("input[type=file]").first.set_input_files(
        {"name": "up load=1.bin", "mimeType": "application/x", "buffer": content}
    )
    expect(page.get_by_role("link", name="2.9 MB")).to_be_visible()
    page.get_by_role("button", name="size").click()
    expect(page.get_by_text(hashlib.sha256(content).hexdigest())).to_be_visible()
    page.get_by_role("button", name="give back").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="2.9 MB").nth(1).click()
    assert download.value.path().read_bytes() == content


def test_sample_application_shows_no_complaint(tab, page, no_secret_in_any_log):
    flags = ["run", "--dev-sample", "--listen", "127.0.0.1:0", "--admin-listen", "off"]
    sample = Process("sample_proxy", [str(BINARY), *flags])
    try:
        line = sample.wait_for(lambda: "Open http://" in (text := sample.log.read_text()) and text, "address")
        page.goto(str(line).split("Open ", 1)[1].split()[0])
        expect(page.get_by_text("is verified")).to_be_visible()
        tab.screenshot("sample", "light", "dark")
    finally:
        assert sample.stop() == 0
