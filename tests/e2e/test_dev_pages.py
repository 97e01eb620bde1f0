"""The pages of the `dev` command in a real browser: who to be, what each refusal looks like, and the way out of it."""

import pytest
from playwright.sync_api import expect

import signin
from signin import ADMIN, MEMBER, NO_GROUPS, NOT_VERIFIED
from stack import free_port

KEY_PRESSES = 30


@pytest.fixture
def trouble(dev, browser):
    """Sets what goes wrong, and ends it after the test: it holds for the whole process."""
    with browser.tab() as operator:
        operator.page.goto(dev.url)
        yield lambda value: signin.set_trouble(operator.page, value)
        signin.set_trouble(operator.page, "none")
        assert not operator.unexpected()


def title(page, text):
    """A page is known by its heading, and says the same in the window's title."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)
    expect(page).to_have_title(text)


def is_signed_in_to_the_sample(page):
    title(page, "Sample application")
    expect(page.get_by_text("is verified")).to_be_visible()


def test_page_without_session_leads_to_the_sign_in_page_and_back_with_its_query(dev, tab, page):
    page.goto(dev.url + "/?report=7&name=a%20b%26c")
    title(page, "Sign in")
    tab.looks("sign-in")
    signin.sign_in(page, MEMBER)
    assert page.url == dev.url + "/?report=7&name=a%20b%26c"
    is_signed_in_to_the_sample(page)
    signin.switcher(page)
    signin.back_to_the_application(page)
    assert page.url == dev.url + "/?report=7&name=a%20b%26c"


def test_who_is_signed_in_is_shown_and_somebody_else_is_one_click_away(dev, tab, page):
    signin.open_as(page, dev.url, MEMBER)
    expect(page.get_by_role("row", name="email ann.lee@example.com")).to_be_visible()
    page.get_by_role("link", name="Sign in as somebody else").click()
    expect(page.get_by_role("status")).to_have_text(f"Signed in as {MEMBER}")
    tab.looks("switcher")
    signin.sign_in(page, ADMIN)
    expect(page.get_by_role("row", name=f"email {ADMIN}")).to_be_visible()
    signin.expect_signed_in(page, ADMIN)


def test_user_without_groups_is_refused_and_can_sign_out_of_it(dev, tab, page):
    tab.expect_refusal(403)
    signin.open_as(page, dev.url, NO_GROUPS)
    title(page, "No access")
    expect(page.get_by_text("not_allowed")).to_be_visible()
    tab.looks("403")
    page.get_by_role("link", name="Sign out").click()
    title(page, "Signed out")
    tab.looks("signed-out")
    page.get_by_role("link", name="Sign in again").click()
    signin.sign_in(page, MEMBER)
    is_signed_in_to_the_sample(page)


def test_unverified_address_is_refused_until_its_box_is_ticked(dev, tab, page):
    tab.expect_refusal(403)
    signin.open_as(page, dev.url, NOT_VERIFIED)
    title(page, "No access")
    signin.switcher(page)
    signin.sign_in_edited(page, NOT_VERIFIED, verified=True)
    is_signed_in_to_the_sample(page)
    expect(page.get_by_role("row", name="email_verified true")).to_be_visible()


def test_address_and_groups_are_edited_on_the_spot(dev, page):
    page.goto(dev.url)
    signin.sign_in_edited(page, "Somebody else", email="zoe.o'neil+1@example.org", groups=["data-team", "<b>bold</b>"])
    is_signed_in_to_the_sample(page)
    expect(page.get_by_role("row", name="groups")).to_contain_text('["data-team","<b>bold</b>"]')
    signin.expect_signed_in(page, "zoe.o'neil+1@example.org")


@pytest.mark.parametrize(
    ("value", "status", "heading", "code"),
    [
        ("wrong_load_balancer", 401, "Please sign in", "wrong_signer"),
        ("wrong_client", 401, "Please sign in", "wrong_client"),
        ("tampered_signature", 401, "Please sign in", "bad_signature"),
        ("other_users_token", 401, "Please sign in", "subject_mismatch"),
        ("no_access_token", 401, "Please sign in", "missing_credential"),
        ("keys_down", 503, "Not available", "keys_unavailable"),
    ],
)
def test_each_trouble_is_shown_as_users_would_see_it(dev, trouble, tab, page, value, status, heading, code):
    signin.open_as(page, dev.url, MEMBER)
    trouble(value)
    tab.expect_refusal(status)
    page.reload()
    title(page, heading)
    expect(page.get_by_text(code, exact=True)).to_be_visible()
    if status == 503 or code == "wrong_signer":
        tab.looks(str(status))
    trouble("none")
    page.reload()
    is_signed_in_to_the_sample(page)


@pytest.mark.parametrize("value", ["expired_access_token", "expired_alb_token"])
def test_expired_token_leads_to_a_sign_in_and_the_second_time_to_its_refusal(dev, trouble, tab, page, value):
    signin.open_as(page, dev.url, MEMBER)
    trouble(value)
    page.reload()
    title(page, "Sign in")
    tab.expect_refusal(401)
    signin.sign_in(page, MEMBER)
    title(page, "Please sign in")
    expect(page.get_by_text("token_expired", exact=True)).to_be_visible()
    trouble("none")
    page.get_by_role("link", name="Sign in again").click()
    is_signed_in_to_the_sample(page)


def test_trouble_in_force_is_named_on_the_switcher(dev, trouble, tab, page):
    trouble("tampered_signature")
    page.goto(dev.url)
    expect(page.get_by_role("status")).to_have_text("Going wrong on purpose: Tampered signature")
    tab.looks("sign-in-with-trouble")


def test_sign_out_ends_the_session(dev, tab, page):
    signin.open_as(page, dev.url + "/?a=1", MEMBER)
    assert tab.holds_session()
    page.get_by_role("link", name="Sign out").click()
    title(page, "Signed out")
    assert not tab.holds_session()
    page.goto(dev.url + "/?a=1")
    title(page, "Sign in")
    expect(page.get_by_role("status")).to_have_count(0)


def test_sign_in_by_keyboard_alone(dev, page):
    page.goto(dev.url)
    focused = page.locator(":focus")
    for name in ("Sign in as Ann Lee", "Sign in as Alex Admin"):
        for _ in range(KEY_PRESSES):
            page.keyboard.press("Tab")
            assert focused.evaluate("it => getComputedStyle(it).outlineStyle") != "none", "where the keyboard is, is seen"
            if focused.inner_text() == name:
                break
        else:
            raise AssertionError(f"{name} cannot be reached")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name=f"email {ADMIN}")).to_be_visible()


def test_edit_by_keyboard_alone(dev, page):
    page.goto(dev.url)
    for key in ("Tab", "Enter", "Tab", "Tab"):
        page.keyboard.press(key)
    expect(page.locator(":focus")).to_have_attribute("name", "groups")
    page.keyboard.type("admins")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="groups")).to_contain_text('["admins"]')


def test_every_page_fits_a_phone_and_a_thumb(dev, browser, session_cookies):
    with browser.tab(viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True) as tab:
        tab.expect_refusal(403)
        tab.page.goto(dev.url)
        for summary in tab.page.locator("summary").all():
            summary.tap()
        fits_a_thumb(tab)
        tab.screenshot("sign-in-edit-small-phone")
        signin.sign_in(tab.page, MEMBER)
        fits_a_thumb(tab)
        signin.switcher(tab.page)
        signin.sign_in(tab.page, NO_GROUPS)
        fits_a_thumb(tab)
        tab.page.get_by_role("link", name="Sign out").tap()
        title(tab.page, "Signed out")
        fits_a_thumb(tab)
        session_cookies |= tab.session_cookies()
        assert not tab.unexpected()


def fits_a_thumb(tab):
    """No scrolling sideways, and what is pressed is as large as WCAG 2.2 (2.5.8) wants; links within text may be smaller."""
    tab.fits()
    for control in tab.page.locator("button, summary, input:visible, a.quiet, a.button, label.choice").all():
        box = control.bounding_box()
        inner = control.evaluate("it => it.closest('label.choice') !== null && it.tagName === 'INPUT'")
        assert inner or (box["height"] >= 44 and box["width"] >= 24), (control.inner_text(), box)


def test_application_that_is_down_is_said_to_be(start_dev, tab, page):
    dev = start_dev("down", "--upstream", f"http://127.0.0.1:{free_port()}")
    tab.expect_refusal(502)
    signin.open_as(page, dev.url, MEMBER)
    title(page, "Application not reachable")
    expect(page.get_by_text("upstream_unreachable")).to_be_visible()
    tab.looks("502")


@pytest.mark.parametrize(("rule", "heading"), [("allow", "Please sign in"), ("deny", "401 Authorization Required")])
def test_listener_rule_that_signs_nobody_in_refuses(start_dev, tab, page, rule, heading):
    dev = start_dev(f"rule_{rule}", "--on-unauthenticated", rule)
    tab.expect_refusal(401)
    page.goto(dev.url)
    title(page, heading)
    tab.looks(f"401-{rule}")
    page.goto(dev.url + "/.dev/")
    signin.sign_in(page, MEMBER)
    is_signed_in_to_the_sample(page)
