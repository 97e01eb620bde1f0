"""The pages of the `dev` command's load balancer, as a person uses them: by what is written on them."""

import json
import re
import urllib.parse

from playwright.sync_api import Locator, Page, expect

# The built-in personas.
MEMBER, ADMIN = "ann.lee@example.com", "alex.admin@example.com"
NO_GROUPS, NOT_VERIFIED = "dev@example.com", "guest@example.com"


def switcher(page: Page) -> None:
    """Opens the sign-in page in a way that leads back to where the page is now."""
    parts = urllib.parse.urlsplit(page.url)
    back = parts.path + (f"?{parts.query}" if parts.query else "")
    if parts.path.startswith("/.dev/"):
        back = urllib.parse.parse_qs(parts.query).get("return", ["/"])[0]
    page.goto(f"{parts.scheme}://{parts.netloc}/.dev/?return={urllib.parse.quote(back, safe='')}")


def persona(page: Page, who: str) -> Locator:
    """The form of one persona: by its e-mail address, or by what stands over it."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    forms = page.locator("form[action='/.dev/sign-in']")
    if "@" in who:
        return forms.filter(has=page.locator(f"input[name=email][value={json.dumps(who)}]")).first
    return forms.filter(has=page.get_by_role("heading", name=who, exact=True))


def sign_in(page: Page, who: str) -> None:
    """From the sign-in page, as the persona stands there."""
    submit(persona(page, who))


def open_as(page: Page, url: str, who: str) -> None:
    """Opens an address without a session, and signs in where that leads."""
    page.goto(url)
    sign_in(page, who)


def sign_in_edited(
    page: Page, who: str, *, email: str | None = None, groups: list[str] | None = None, verified: bool | None = None
) -> None:
    """From the sign-in page, with some of the persona's facts changed."""
    form = persona(page, who)
    details = form.locator("details")
    if details.count() and details.get_attribute("open") is None:
        form.get_by_text("Change e-mail and groups").click()
    if email is not None:
        form.locator("input[name=email]").fill(email)
    if groups is not None:
        form.locator("input[name=groups]").fill(", ".join(groups))
    if verified is not None:
        form.locator("input[name=email_verified]").set_checked(verified)
    submit(form)


def submit(form: Locator) -> None:
    """Presses the one button, and waits until the page it leads to is there."""
    page = form.page
    with page.expect_navigation(url=re.compile(r"^(?!.*/\.dev/)")):
        form.get_by_role("button", name=re.compile("^Sign in as ")).click()


def set_trouble(page: Page, value: str) -> None:
    """Breaks what the load balancer hands on from now on, for the whole process. Stays on the switcher."""
    switcher(page)
    form = page.locator("form[action='/.dev/trouble']")
    if not form.is_visible():
        page.get_by_text("Make something go wrong").click()
    form.locator(f"input[name=trouble][value={value}]").check()
    with page.expect_navigation():
        form.get_by_role("button", name="Apply").click()
    expect(page.locator(f"input[name=trouble][value={value}]")).to_be_checked()
    expect(form).to_be_visible(visible=value != "none")


def expect_signed_in(page: Page, email: str) -> None:
    """What the switcher says of the session; stays on it."""
    switcher(page)
    expect(page.get_by_role("status").filter(has_text="Signed in as").locator("strong")).to_have_text(email)


def back_to_the_application(page: Page) -> None:
    """From the switcher."""
    with page.expect_navigation(url=re.compile(r"^(?!.*/\.dev/)")):
        page.get_by_role("link", name="Back to the application").click()


def sign_out(page: Page) -> None:
    """By the switcher's link; the page is then whatever signing out shows."""
    switcher(page)
    with page.expect_navigation():
        page.get_by_role("link", name="Sign out").click()
