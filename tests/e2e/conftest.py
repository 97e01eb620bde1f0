"""Starts what the tests talk to, and at the end searches every log of the proxy for what must not be there."""

import json
import re
import secrets

import pytest
from playwright.sync_api import sync_playwright

from browser import Browser
from dev import Dev, DevStack
from signin import ADMIN, MEMBER, NO_GROUPS
from stack import ARTEFACTS, Issuer, Stack

EMAIL = "alice@example.com"
SECRET_IN_QUERY = "query-" + secrets.token_hex(8)
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def issuer():
    for old in ARTEFACTS.glob("*.log"):
        old.unlink()
    process = Issuer()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def assertions():
    """Every `X-Auth-User` an application received in this run."""
    return set()


@pytest.fixture(scope="session")
def session_cookies():
    """The value of every session cookie a browser was given in this run."""
    return set()


@pytest.fixture(scope="session", autouse=True)
def no_secret_in_any_log(issuer, assertions, session_cookies):
    """Runs its second half after everything else has stopped, and so has written all it had to."""
    yield
    logs = {path.name: path.read_text() for path in ARTEFACTS.glob("*_proxy*.log")}
    for path in ARTEFACTS.glob("*_app.log"):
        assertions |= set(re.findall(r"^assertion: (\S+\.\S+\.\S+)$", path.read_text(), re.MULTILINE))
    lines = [json.loads(line) for text in logs.values() for line in text.splitlines() if line.startswith("{")]
    assert any("status" in json.dumps(line) for line in lines), "no access line in any log: nothing was searched"
    assert issuer.minted | assertions | session_cookies, "no token was used: nothing was searched"
    secrets_used = {EMAIL, MEMBER, ADMIN, NO_GROUPS, SECRET_IN_QUERY} | session_cookies
    for token in issuer.minted | assertions:
        # The payload and the signature by themselves as well: a log that cuts tokens at their dots leaks too.
        secrets_used |= {token, *token.split(".")[1:]}
    for name, text in logs.items():
        found = [secret for secret in secrets_used if secret in text]
        assert not found, f"{name} holds {len(found)} tokens, addresses or query strings"
        # Those that `dev` makes for itself never leave it, so they are known by their shape only.
        assert not re.search(r"eyJ[\w-]{24,}", text), f"{name} holds what begins as a token does"


@pytest.fixture(scope="session")
def staff(issuer):
    """What the ALB adds for a user the policy admits."""
    return issuer.mint(email=EMAIL, sub="alice-sub", groups="staff,readers", ttl=3600)


@pytest.fixture(scope="session")
def outsider(issuer):
    """A verified user whom the policy does not admit."""
    return issuer.mint(email="mallory@example.com", sub="mallory-sub", groups="visitors", ttl=3600)


@pytest.fixture(scope="session")
def expired(issuer):
    """Good tokens of a minute ago."""
    return issuer.mint(email=EMAIL, sub="alice-sub", groups="staff", ttl=-60)


@pytest.fixture(scope="session")
def gradio(issuer, no_secret_in_any_log):
    stack = Stack("gradio", issuer, "/config", COGNITO_AUTH_UPSTREAM_PRESET="gradio")
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def fastapi(issuer, no_secret_in_any_log):
    stack = Stack(
        "fastapi",
        issuer,
        "/resource",
        COGNITO_AUTH_UPSTREAM_PRESET="fastapi",
        COGNITO_AUTH_PUBLIC_PATHS="/public/headers",
    )
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def dev(no_secret_in_any_log):
    """The command with its built-in sample."""
    process = Dev("sample")
    yield process
    assert process.stop() == 0


@pytest.fixture
def start_dev(no_secret_in_any_log):
    """Starts the command otherwise; request it before `tab`, so that no page sees it end."""
    started = []
    yield lambda *arguments, **settings: started.append(Dev(*arguments, **settings)) or started[-1]
    assert [process.stop() for process in started] == [0] * len(started)


@pytest.fixture(scope="session")
def dev_gradio(no_secret_in_any_log):
    """As the README has it."""
    stack = DevStack("gradio", "/config")
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def dev_streamlit(no_secret_in_any_log):
    stack = DevStack("streamlit", "/_stcore/health")
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = Browser(playwright)
        yield chromium
        chromium.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def tab(browser, session_cookies, request):
    """A fresh profile with one page. The test fails when anything went wrong there that it did not `expect`."""
    with browser.tab() as opened:
        yield opened
        session_cookies |= opened.session_cookies()
        failed = request.node.stash.get(FAILED, False)
        if failed or opened.unexpected():
            opened.screenshot("failed-" + re.sub(r"\W+", "-", request.node.name))
        if failed:
            print(*opened.problems, sep="\n")
        else:
            assert not opened.unexpected()


@pytest.fixture
def page(tab):
    return tab.page
