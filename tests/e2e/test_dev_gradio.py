"""A real, unmodified Gradio app behind `dev --upstream`, in a real browser: as the README's second snippet has it."""

import hashlib
import os
import secrets

import httpx
import pytest
from playwright.sync_api import Page, expect

import signin
from signin import ADMIN, MEMBER, NO_GROUPS
from stack import HERE

README = HERE.parent.parent / "README.md"


@pytest.fixture
def gradio_page(dev_gradio, tab, page):
    """The app, used by the member."""
    signin.open_as(page, dev_gradio.url, MEMBER)
    ready(page)
    return page


def ready(page: Page) -> None:
    expect(page.get_by_role("button", name="greet")).to_be_visible()


def shows(page: Page, email: str) -> None:
    """What the app says of its user, who is whoever the proxy verified."""
    page.get_by_role("button", name="who").click()
    expect(page.get_by_text(email)).to_be_visible()


def test_readme_names_the_flags_that_are_tested_here(dev_gradio):
    line = "COGNITO_AUTH_UPSTREAM_PRESET=gradio cargo run --release -- dev --upstream http://127.0.0.1:"
    assert line in README.read_text()
    assert dev_gradio.dev.child.args[1:] == ["dev", "--port", "0", "--upstream", dev_gradio.app.url]


def test_predicts(gradio_page, tab):
    gradio_page.get_by_label("Text").fill("ada")
    gradio_page.get_by_role("button", name="greet").click()
    expect(gradio_page.get_by_label("Answer")).to_have_value("hello ada")
    tab.screenshot("gradio", "light", "dark")


def test_streams_part_by_part(dev_gradio, gradio_page):
    channel = secrets.token_hex(4)
    gradio_page.get_by_label("Text").fill(channel)
    gradio_page.get_by_label("Number").fill("3")
    gradio_page.get_by_role("button", name="stream").click()
    for number in range(3):
        # The app makes a part only after the one before it was seen, so a proxy that batches never gets to the end.
        expect(gradio_page.get_by_label("Answer")).to_have_value(f"part {number}")
        seen = httpx.post(dev_gradio.app.url + "/gradio_api/run/ack", json={"data": [channel, number]})
        assert seen.status_code == 200


def test_upload_arrives_whole_and_comes_back(gradio_page, tab):
    # What Gradio's own stand-in for EventSource says when its upload progress ends, without a proxy as well.
    tab.expect(r"console warning: Method not implemented\.")
    content = os.urandom(3_000_000)
    given = {"name": "up load=1.bin", "mimeType": "application/x", "buffer": content}
    gradio_page.locator("input[type=file]").first.set_input_files(given)
    expect(gradio_page.get_by_role("link", name="2.9 MB")).to_be_visible()
    gradio_page.get_by_role("button", name="size").click()
    expect(gradio_page.get_by_text(hashlib.sha256(content).hexdigest())).to_be_visible()
    gradio_page.get_by_role("button", name="give back").click()
    with gradio_page.expect_download() as download:
        gradio_page.get_by_role("link", name="2.9 MB").nth(1).click()
    assert download.value.path().read_bytes() == content


def test_shows_the_persona_refuses_another_and_takes_a_third(gradio_page, tab):
    shows(gradio_page, MEMBER)
    signin.switcher(gradio_page)
    tab.expect_refusal(403)
    signin.sign_in(gradio_page, NO_GROUPS)
    expect(gradio_page.get_by_role("heading", level=1)).to_have_text("No access")
    signin.switcher(gradio_page)
    signin.sign_in(gradio_page, ADMIN)
    ready(gradio_page)
    shows(gradio_page, ADMIN)


def test_script_of_an_ended_session_fails_and_the_page_signs_in_again(dev_gradio, gradio_page, tab):
    other = tab.context.new_page()
    other.goto(dev_gradio.url)
    ready(other)
    signin.sign_out(other)
    expect(other.get_by_role("heading", level=1)).to_have_text("Signed out")
    # In production a script is sent to Cognito's origin, where it may not follow; a page of 200 would look like an answer.
    tab.expect(r"Access to fetch at 'http://sign-in\.localhost:\d+/\.dev/.* blocked by CORS", r"net::ERR_FAILED")
    outcome = gradio_page.evaluate("fetch('/config').then(answer => `answered ${answer.status}`, error => error.name)")
    assert outcome == "TypeError"
    gradio_page.reload()
    signin.sign_in(gradio_page, ADMIN)
    shows(gradio_page, ADMIN)
