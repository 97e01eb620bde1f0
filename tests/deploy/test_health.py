"""The application's health check in every file: really run, against an application that answers one thing."""

import http.server
import json
import subprocess
import sys
import threading

import pytest
import yaml
from aws import ROOT, task_definition, template


def of_the_template(path: str) -> list[str]:
    boxes = template()["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    (command,) = [box["HealthCheck"]["Command"] for box in boxes if box["Name"] == "app"]
    kind, *words, code = command
    assert kind == "CMD"
    return [*words, code["Fn::Sub"].replace("${AppPort}", "7860").replace("${AppHealthPath}", path)]


def of_the_task_definition() -> list[str]:
    (command,) = [box["healthCheck"]["command"] for box in task_definition()["containerDefinitions"] if box["name"] == "app"]
    return command[1:]


def of_kubernetes(probe: str) -> list[str]:
    manifests = yaml.safe_load_all((ROOT / "config/kubernetes/sidecar.yaml").read_text())
    (pod,) = [found["spec"]["template"]["spec"] for found in manifests if found["kind"] == "Deployment"]
    return next(box for box in pod["containers"] if box["name"] == "app")[probe]["exec"]["command"]


@pytest.fixture
def application():
    """Answers with the status that its path says."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def run(words: list[str], port: int) -> int:
    assert words[:2] == ["python", "-c"] and "7860" in words[2]
    code = words[2].replace("7860", str(port))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (307, True), (401, True), (404, True), (500, False), (503, False)])
def test_an_application_without_a_page_there_is_healthy_and_one_that_fails_is_not(application, status, healthy):
    assert (run(of_the_template(f"/{status}"), application) == 0) is healthy


def test_nobody_is_not_healthy():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert run(of_the_template("/200"), port) != 0


def test_it_is_the_same_everywhere():
    assert of_the_task_definition() == of_the_template("/")
    assert of_kubernetes("readinessProbe") == of_kubernetes("livenessProbe") == of_the_template("/")


def test_an_application_has_as_long_to_load_as_fargate_grants():
    """Failures do not count for as long as the proxy's start is put off, and that is at most two minutes."""
    (app,) = [box for box in task_definition()["containerDefinitions"] if box["name"] == "app"]
    assert app["healthCheck"]["startPeriod"] == app["startTimeout"] == 120
    boxes = template()["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    (other,) = [box for box in boxes if box["Name"] == "app"]
    assert (other["HealthCheck"]["StartPeriod"], other["StartTimeout"]) == (120, 120)
    assert json.dumps(app["healthCheck"]["interval"]) == json.dumps(other["HealthCheck"]["Interval"])
