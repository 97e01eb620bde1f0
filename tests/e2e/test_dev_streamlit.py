"""A real, unmodified Streamlit app behind `dev --upstream`, in a real browser: everything goes over its WebSocket."""

import hashlib
import os
import secrets

import pytest
from playwright.sync_api import Page, expect

import signin
from signin import ADMIN, MEMBER, NO_GROUPS


@pytest.fixture
def app(dev_streamlit, tab, page):
    """The app, used by the member."""
    signin.open_as(page, dev_streamlit.url, MEMBER)
    ready(page)
    return page


def ready(page: Page) -> None:
    expect(page.get_by_role("heading", name="Stream", exact=True)).to_be_visible()


def shows(page: Page, email: str) -> None:
    """What the app says of its user, who is whoever the proxy verified."""
    expect(page.get_by_text(f"signed in as {email}")).to_be_visible()
    expect(page.get_by_text("load balancer headers: 0")).to_be_visible()


def test_answers_over_its_socket(dev_streamlit, tab, page):
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    signin.open_as(page, dev_streamlit.url, MEMBER)
    ready(page)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_text("hello ada")).to_be_visible()
    assert [url for url in sockets if url.endswith("/_stcore/stream")]
    tab.screenshot("streamlit", "light", "dark")


def test_writes_part_by_part(dev_streamlit, app):
    channel = secrets.token_hex(4)
    app.get_by_label("Channel").fill(channel)
    app.get_by_label("Channel").press("Enter")
    app.get_by_role("button", name="stream").click()
    for number in range(3):
        # The app makes a part only after the one before it was seen, so a proxy that batches never gets to the end.
        expect(app.get_by_text(f"part {number}")).to_be_visible()
        dev_streamlit.app.open_gate(f"{channel}-{number}")
    expect(app.get_by_text("stream ended")).to_be_visible()


def test_upload_arrives_whole_and_comes_back(app):
    content = os.urandom(3_000_000)
    app.locator("input[type=file]").set_input_files({"name": "up load=1.bin", "mimeType": "application/x", "buffer": content})
    expect(app.get_by_text(f"3000000 bytes, sha256 {hashlib.sha256(content).hexdigest()}")).to_be_visible()
    with app.expect_download() as download:
        app.get_by_role("button", name="Give back").click()
    assert download.value.path().read_bytes() == content


def test_shows_the_persona_refuses_another_and_takes_a_third(app, tab):
    shows(app, MEMBER)
    signin.switcher(app)
    tab.expect_refusal(403)
    signin.sign_in(app, NO_GROUPS)
    expect(app.get_by_role("heading", level=1)).to_have_text("No access")
    signin.switcher(app)
    signin.sign_in(app, ADMIN)
    ready(app)
    shows(app, ADMIN)


def test_script_of_an_ended_session_fails_and_the_page_signs_in_again(dev_streamlit, app, tab):
    other = tab.context.new_page()
    other.goto(dev_streamlit.url)
    ready(other)
    signin.sign_out(other)
    expect(other.get_by_role("heading", level=1)).to_have_text("Signed out")
    tab.expect(r"Access to fetch at 'http://sign-in\.localhost:\d+/\.dev/.* blocked by CORS", r"net::ERR_FAILED")
    outcome = app.evaluate("fetch('/_stcore/health').then(answer => `answered ${answer.status}`, error => error.name)")
    assert outcome == "TypeError"
    app.reload()
    signin.sign_in(app, ADMIN)
    shows(app, ADMIN)
