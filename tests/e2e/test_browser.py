"""The browser of these tests complains: whatever a page cannot load, run or show would fail its test."""

import re
import urllib.parse

import pytest

from stack import eventually


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
    """The guard of every other test with a browser."""
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
