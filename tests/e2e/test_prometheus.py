"""A real Prometheus scrapes a running proxy: our series arrive with the right numbers, and the dashboard and the alerts
that we ship ask for series that exist, in expressions that Prometheus understands."""

import json
import pathlib
import re
import subprocess

import httpx
import pytest
import yaml

from stack import NAVIGATION, PATIENCE, SCRIPT, Process, Proxy, answers, eventually, free_port

ROOT = pathlib.Path(__file__).parent.parent.parent
RULES = ROOT / "config/prometheus/rules.yml"
OURS = re.compile(r"\b(?:cognito_auth_proxy|process)_\w+")


class Prometheus(Process):
    """Debian's, on a port of its own, with nothing kept."""

    def __init__(self, proxy: Proxy, directory: pathlib.Path):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = {
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {
                    "job_name": "cognito-auth-proxy",
                    "static_configs": [{"targets": [proxy.admin_url.removeprefix("http://")]}],
                }
            ],
        }
        file = directory / "prometheus.yml"
        file.write_text(json.dumps(config))  # JSON is YAML
        super().__init__(
            "prometheus",
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
        )
        self.wait_for(lambda: answers(self.url + "/-/ready"), "ready")

    def query(self, expression: str) -> list[dict]:
        answer = httpx.get(self.url + "/api/v1/query", params={"query": expression}, timeout=PATIENCE).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]

    def number(self, expression: str) -> float | None:
        """The one number an expression has."""
        result = self.query(expression)
        assert len(result) <= 1, f"{expression}: {result}"
        return float(result[0]["value"][1]) if result else None


@pytest.fixture(scope="module")
def proxy(issuer, fastapi, no_secret_in_any_log):
    process = Proxy("metrics_proxy", issuer, fastapi.app, COGNITO_AUTH_PUBLIC_PATHS="/public/headers")
    process.ready()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def prometheus(proxy, tmp_path_factory):
    process = Prometheus(proxy, tmp_path_factory.mktemp("prometheus"))
    yield process
    process.stop()


def promtool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)


def documented() -> set[str]:
    """The names of the table of docs/metrics.md."""
    rows = re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    assert len(rows) > 20
    return {name if name.startswith("process_") else f"cognito_auth_proxy_{name}" for name in rows}


def dashboard() -> list[tuple[str, str]]:
    """The title of every panel and each expression it has, as Grafana would send it for everything."""
    panels = json.loads((ROOT / "config/grafana/dashboard.json").read_text())["panels"]
    found = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
    assert len(found) > 25
    variables = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*"}
    return [(title, re.sub(r"\$\w+", lambda name: variables[name[0]], expression)) for title, expression in found]


def test_what_was_asked_arrives_as_numbers(proxy, prometheus, staff, outsider):
    with httpx.Client(base_url=proxy.url, timeout=PATIENCE) as client:
        for _ in range(3):
            assert client.get("/resource", headers=staff | SCRIPT).status_code == 200
        for _ in range(2):
            assert client.get("/resource", headers=outsider | NAVIGATION).status_code == 302
        assert client.get("/resource", headers=SCRIPT).status_code == 401
        assert client.get("/public/headers").status_code == 200
        assert client.request("MARKER", "/marker", headers=SCRIPT).status_code == 401
    series = "cognito_auth_proxy_requests_total"
    for labels, expected in [
        ('decision="allow",reason="none",status="2xx"', 3),
        ('decision="deny",reason="not_allowed",status="3xx"', 2),
        ('decision="deny",reason="missing_credential",status="4xx"', 2),
        ('decision="public",reason="none",status="2xx"', 1),
    ]:
        eventually(lambda: prometheus.number(f"{series}{{{labels}}}") == expected, f"{labels} is {expected}")
    # The same three by time, and the same user's credential remembered twice.
    assert prometheus.number('cognito_auth_proxy_request_duration_seconds_count{decision="allow"}') == 3
    assert prometheus.number('cognito_auth_proxy_memory_lookups_total{memory="credential",outcome="miss"}') == 2
    assert prometheus.number('cognito_auth_proxy_memory_lookups_total{memory="credential",outcome="hit"}') == 3
    assert prometheus.number("cognito_auth_proxy_build_info") == 1
    assert not prometheus.query('{__name__=~".+",method="MARKER"}')
    p99 = 'histogram_quantile(0.99, cognito_auth_proxy_upstream_first_byte_seconds_bucket)'
    assert 0 < prometheus.number(p99) < 30
    age = prometheus.number('time() - cognito_auth_proxy_keys_fetched_timestamp_seconds{source="pool"}')
    assert -1 < age < 3600


def test_every_panel_of_the_dashboard_asks_for_what_there_is(prometheus):
    names = documented()
    for title, expression in dashboard():
        used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in OURS.findall(expression)}
        assert used, f"{title} asks for nothing of ours: {expression}"
        assert used <= names, f"{title} asks for {used - names}"
        eventually(lambda: prometheus.query(expression), f"{title} shows something: {expression}")


def test_every_alert_asks_for_what_there_is_and_is_quiet(prometheus):
    names = documented()

    def evaluated() -> list[dict]:
        groups = httpx.get(prometheus.url + "/api/v1/rules", timeout=PATIENCE).json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else []

    rules = eventually(evaluated, "every rule was evaluated")
    for rule in rules:
        used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in OURS.findall(rule["query"])}
        assert used <= names, f"{rule['name']} asks for {used - names}"
        assert rule["health"] == "ok", rule
        assert {"summary", "description", "runbook"} <= set(rule["annotations"]), rule["name"]
        prometheus.query(rule["query"])
    tested = (RULES.parent / "rules.test.yml").read_text()
    assert [rule["name"] for rule in rules if f"alertname: {rule['name']}\n" not in tested] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_promtool_finds_nothing_wrong_with_the_metrics(proxy):
    text = httpx.get(proxy.admin_url + "/metrics").text
    checked = promtool("check", "metrics", text=text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    # It would have said so.
    wrong = promtool("check", "metrics", text=text.replace("_bytes_total", "_kilobytes"))
    assert wrong.returncode != 0


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "rules.yml"), ("test", "rules", "rules.test.yml"), ("check", "config", "prometheus.yml")],
    ids=lambda arguments: " ".join(arguments),
)
def test_promtool_finds_nothing_wrong_with_what_we_ship(arguments):
    *command, file = arguments
    checked = promtool(*command, str(RULES.parent / file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_collector_scrapes_as_prometheus_does_and_tells_tasks_apart(tmp_path):
    """What can be known of it without a collector: no part is named that is not there, and its receiver's section is Prometheus'."""
    collector = yaml.safe_load((RULES.parent / "collector.yml").read_text())
    [pipeline] = collector["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) == set(collector[part]), part
    authenticator = collector["exporters"]["prometheusremotewrite"]["auth"]["authenticator"]
    assert collector["service"]["extensions"] == list(collector["extensions"]) == [authenticator]
    scraped = collector["receivers"]["prometheus"]["config"]
    ours = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
    assert scraped == {key: ours[key] for key in ("global", "scrape_configs")}
    file = tmp_path / "scraped.yml"
    file.write_text(yaml.safe_dump(scraped))
    checked = promtool("check", "config", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # The detector comes first: what it finds becomes the label that the rules group by.
    assert pipeline["processors"].index("resourcedetection") < pipeline["processors"].index("resource")
    assert collector["processors"]["resourcedetection"]["detectors"] == ["ecs"]
    [instance] = collector["processors"]["resource"]["attributes"]
    assert instance == {"key": "service.instance.id", "from_attribute": "aws.ecs.task.arn", "action": "upsert"}
    grouped = re.findall(r"\bby \(([^)]*)\)", RULES.read_text())
    assert {label.strip() for labels in grouped for label in labels.split(",")} == {"job", "instance"}
