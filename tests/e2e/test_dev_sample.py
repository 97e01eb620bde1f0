"""The sample application behind the `dev` command: what the README's first command shows."""

import html.parser
import re

import httpx
import pytest
from playwright.sync_api import expect

import signin
from dev import Dev
from signin import MEMBER
from stack import HERE, NAVIGATION

SIZE = 3_000_000
README = HERE.parent.parent / "README.md"


@pytest.fixture
def sample(dev, tab, page):
    signin.open_as(page, dev.url, MEMBER)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sample application")
    return page


def test_identity_is_shown_as_verified(sample, tab):
    expect(sample.get_by_text("Hello, Ann Lee")).to_be_visible()
    expect(sample.get_by_text("The signature of x-auth-user is verified.")).to_be_visible()
    for row in (f"email {MEMBER}", "email_verified true", 'groups ["data-team"]', "is_admin false"):
        expect(sample.get_by_role("row", name=row, exact=True)).to_be_visible()
    expect(sample.locator("#echo-state")).to_have_text("Connected")
    expect(sample.locator("#clock-state")).to_have_text("Connected")
    tab.looks("sample")


def test_fields_are_listed_without_those_of_the_load_balancer(sample):
    received = sample.get_by_role("region", name="What the application received")
    names = received.get_by_role("rowheader").all_inner_texts()
    assert "x-auth-user" in names
    assert not [name for name in names if name.startswith("x-amzn-oidc") or name == "cookie"]
    # A statement works for whoever has it: the page shows its beginning only.
    assert not re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", sample.content())


def test_clock_ticks(sample):
    clock = sample.locator("#clock-time")
    expect(clock).to_have_text(re.compile(r"\d+:\d\d:\d\d"))
    expect(clock).not_to_have_text(clock.inner_text())
    expect(clock).not_to_have_text(clock.inner_text())


def test_echo_comes_back_over_a_socket(sample):
    text = "<i>grüß</i> 👋"
    for number in range(3):
        sample.get_by_label("Text").fill(f"{text} {number}")
        sample.get_by_role("button", name="Send").click()
    log = sample.get_by_role("log").get_by_role("listitem")
    expect(log).to_have_text([re.compile(rf"^{re.escape(text)} {number} \(\d+ ms\)$") for number in range(3)])


def test_upload_is_counted(sample, tab):
    sample.get_by_label("File").set_input_files({"name": "a b.bin", "mimeType": "application/x", "buffer": bytes(SIZE)})
    sample.get_by_role("button", name="Upload").click()
    expect(sample.locator("#upload-state")).to_contain_text("a b.bin: ")
    expect(sample.locator("#upload-state")).to_contain_text(str(SIZE))
    expect(sample.locator("#upload-progress")).to_be_hidden()
    tab.screenshot("sample-uploaded")


def test_page_works_without_script(dev, browser, session_cookies):
    with browser.tab(java_script_enabled=False) as tab:
        signin.open_as(tab.page, dev.url, MEMBER)
        tab.screenshot("sample-without-script")
        tab.page.get_by_label("File").set_input_files({"name": "a", "mimeType": "text/plain", "buffer": b"a"})
        tab.page.get_by_role("button", name="Upload").click()
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Uploaded")
        tab.screenshot("sample-uploaded-without-script")
        session_cookies |= tab.session_cookies()
        assert not tab.unexpected()


def test_session_that_ends_meanwhile_is_said_in_the_page(dev, sample, tab):
    other = tab.context.new_page()
    other.goto(dev.url + "/.auth/logout")
    expect(other.get_by_role("heading", level=1)).to_have_text("Signed out")
    # Where the load balancer sends it is another origin, which the page's own policy does not let it follow.
    tab.expect(r"^console error: .*violates .*Content Security Policy directive", r"connect-src refuses .*/upload")
    tab.expect(r"^request failed: csp GET http://sign-in\.localhost:\d+/\.dev/")
    sample.get_by_label("File").set_input_files({"name": "a", "mimeType": "text/plain", "buffer": b"a"})
    sample.get_by_role("button", name="Upload").click()
    expect(sample.locator("#upload-state")).to_contain_text("your session has ended")
    tab.screenshot("sample-after-the-session")


class FirstForm(html.parser.HTMLParser):
    """What a browser sends when the first form of a page is submitted as it stands."""

    def __init__(self, page: str):
        super().__init__()
        self.action, self.fields, self.ended = "", {}, False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag == "form" and not self.action:
            self.action = named["action"]
        if tag == "input" and not self.ended and (named.get("type") != "checkbox" or "checked" in named):
            self.fields[named["name"]] = named.get("value") or ""

    def handle_endtag(self, tag):
        self.ended = self.ended or tag == "form"


def test_the_first_command_of_the_readme_shows_a_page():
    """Through cargo, which gives the program an environment of its own making."""
    line = "cargo run --release -- dev"
    first = next(line for line in README.read_text().splitlines() if line.startswith("cargo run"))
    assert first.split("#")[0].strip() == line
    dev = Dev("first_command", program=line.split())
    try:
        with httpx.Client(base_url=dev.url, headers=NAVIGATION, follow_redirects=True) as client:
            form = FirstForm(client.get("/").text)
            answer = client.post(form.action, data=form.fields, headers={"origin": dev.url})
        assert answer.status_code == 200
        assert answer.url == dev.url + "/"
        assert "Hello, <strong>Ann Lee</strong>" in answer.text
        assert "is verified" in answer.text
    finally:
        assert dev.stop() == 0
