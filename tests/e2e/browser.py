"""A real Chromium that complains: whatever a page could not load, run or show fails the test that opened it.

Debian's own Chromium, driven by playwright; playwright's browsers are never downloaded. No page reaches anything that is
not on loopback, and what it tried to reach is kept in `artefacts/outside.txt`.
"""

import contextlib
import re
import shutil
import urllib.parse
from collections.abc import Iterator

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, Request, Response

from stack import ARTEFACTS, PATIENCE

SCREENSHOTS = ARTEFACTS / "screenshots"
PHONE = {"width": 360, "height": 780}
OUTSIDE = ARTEFACTS / "outside.txt"

FLAGS = [
    "--no-sandbox",  # CI is root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing leaves the machine. Not `context.route`: a route switches the cache of the browser off.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]",
]

# A violation has a console line of its own, but says there neither the page nor the directive it broke.
REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', violation => console.error(
  `content security policy of ${violation.documentURI}: ${violation.effectiveDirective} refuses ${violation.blockedURI}`));
"""


def is_local(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme in ("", "about", "blob", "data") or host in ("127.0.0.1", "::1") or host.split(".")[-1] == "localhost"


class Tab:
    """One fresh profile with one page, and everything that went wrong there."""

    def __init__(self, context: BrowserContext):
        self.context = context
        self.problems: list[str] = []
        self.expected: list[str] = []
        self.outside: set[str] = set()
        self.failures_outside: dict[str, str | None] = {}
        self.sign_ins: list[Response] = []
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"page error: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)
        self.page: Page = context.new_page()

    def _console(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if message.type in ("error", "warning") and is_local(where):
            self.problems.append(f"console {message.type}: {message.text} ({where})")

    def _request(self, request: Request) -> None:
        if not is_local(request.url):
            self.outside.add(f"{request.resource_type} {request.url.split('?')[0]}")

    def _failed(self, request: Request) -> None:
        # A page that goes away, or has read all it wanted of a stream, aborts; a stream that is cut is another error.
        if not is_local(request.url):
            self.failures_outside[request.url] = request.failure
        elif request.failure != "net::ERR_ABORTED":
            self.problems.append(f"request failed: {request.failure} {request.method} {request.url}")

    def _response(self, response: Response) -> None:
        if "/.dev/" in response.url:
            self.sign_ins.append(response)
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.request.method} {response.url}")

    def expect(self, *patterns: str) -> None:
        """Problems a test provokes on purpose, as regular expressions. Each has to come."""
        self.expected += patterns

    def unexpected(self) -> list[str]:
        """Problems nobody expected, and expectations nothing met."""
        missing = [f"did not come: {wanted}" for wanted in self.expected if not any(re.search(wanted, it) for it in self.problems)]
        return missing + [it for it in self.problems if not any(re.search(wanted, it) for wanted in self.expected)]

    def expect_refusal(self, status: int) -> None:
        """An answer with this status, and what Chromium's console says of one."""
        self.expect(rf"^status {status}: ", rf"^console error: Failed to load resource: .*status of {status} ")

    def looks(self, name: str) -> None:
        """Screenshots on a desk and on a phone, light and dark. Nothing may be wider than the phone."""
        desk = self.page.viewport_size
        self.screenshot(f"{name}-desktop", "light", "dark")
        self.page.set_viewport_size(PHONE)
        self.screenshot(f"{name}-phone", "light", "dark")
        self.fits()
        self.page.set_viewport_size(desk)

    def fits(self) -> None:
        """Nothing of the page is beside the window."""
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, f"{self.page.url} is {wide} wide in a window of {window}"

    def holds_session(self) -> bool:
        """Whether this profile has a cookie of the load balancer's session."""
        return any(cookie["name"].startswith("AWSELB") for cookie in self.context.cookies())

    def screenshot(self, name: str, *schemes: str) -> None:
        """The whole page as an artefact, once for each of `schemes` (`light`, `dark`)."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for scheme in schemes or ("light",):
            self.page.emulate_media(color_scheme=scheme)
            # Without animations: the colours of the other scheme would else still be fading out.
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=True, animations="disabled")
        self.page.emulate_media(color_scheme="null")

    def session_cookies(self) -> set[str]:
        """The values of every session cookie the load balancer gave this profile, those it took back as well."""
        fields = [field for response in self.sign_ins for field in response.header_values("set-cookie")]
        given = {value for field in fields for value in re.findall(r"^AWSELBAuthSessionCookie-\d+=([^;]{8,})", field)}
        held = {it["value"] for it in self.context.cookies() if it["name"].startswith("AWSELB") and len(it["value"]) >= 8}
        return given | held


class Browser:
    """Starts Chromium once, and hands out fresh profiles."""

    def __init__(self, playwright: Playwright):
        executable = shutil.which("chromium")
        assert executable, "the browser tests need Debian's package chromium; they are not skipped without it"
        self.chromium = playwright.chromium.launch(executable_path=executable, headless=True, args=FLAGS)

    @contextlib.contextmanager
    def tab(self, **options: object) -> Iterator[Tab]:
        """A profile for one test. `options` are those of playwright's `new_context`: locale, viewport, …"""
        context = self.chromium.new_context(**options)
        tab = Tab(context)
        try:
            yield tab
        finally:
            if tab.outside:
                with OUTSIDE.open("a") as file:
                    file.writelines(f"{line}\n" for line in sorted(tab.outside))
            context.close()

    def stop(self) -> None:
        self.chromium.close()
