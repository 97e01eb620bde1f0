"""The `dev` command as somebody starts it on a laptop, alone or in front of an application of theirs."""

import pathlib
import re
import tempfile

from stack import BINARY, App, Process, StreamlitApp, answers, free_port

# Everything that is said, so that what leaks only then is found as well; as conftest.py reads it.
LOGGING = {"COGNITO_AUTH_LOG_FORMAT": "json", "COGNITO_AUTH_LOG_LEVEL": "info,cognito_auth_proxy=trace"}


class Dev(Process):
    """The command, in a directory of its own, at whatever ports it takes. The name of its log is one conftest.py searches."""

    def __init__(self, name: str, *arguments: str, program: list[str] | None = None, **settings: str):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="dev-"))
        command = [*(program or [str(BINARY), "dev"]), "--port", "0", *arguments]
        where = {} if program else {"cwd": directory}
        super().__init__(f"{name}_dev_proxy", command, **where, **LOGGING | settings)
        self.banner = str(self.wait_for(lambda: "Ctrl-C stops it." in (text := self.log.read_text()) and text, "banner"))
        # The first address printed is the page to open, whatever line it stands in.
        self.url = re.findall(r"http://\S+", self.banner)[0].rstrip("/")

    def place(self, name: str) -> str:
        """Where one of the listeners is, by the name of its line."""
        [address] = re.findall(rf"^ +{name} +(http://[^\s,]+)", self.banner, re.MULTILINE)
        return address


class DevStack:
    """`dev --upstream`, and the application there.

    The application starts second, because it is told where the proxy's keys are; only its port is chosen first.
    """

    def __init__(self, name: str, ready_path: str, **settings: str):
        port = free_port()
        upstream = f"http://127.0.0.1:{port}"
        self.dev = Dev(name, "--upstream", upstream, COGNITO_AUTH_UPSTREAM_PRESET=name, **settings)
        self.url = self.dev.url
        kind = StreamlitApp if name == "streamlit" else App
        self.app = kind(f"{name}_dev_app", f"{name}_app.py", self.dev.place("proxy"), ready_path, port=port)
        self.app.ready()
        self.dev.wait_for(lambda: answers(self.dev.place("proxy") + "/.auth/ready"), "ready")

    def stop(self) -> None:
        self.dev.stop()
        self.app.stop()
