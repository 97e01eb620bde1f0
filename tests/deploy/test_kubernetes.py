"""config/kubernetes/sidecar.yaml: what the API server's schema says, and what only shows when a pod runs."""

import copy
import json
import re

import kubernetes_validate
import pytest
import yaml
from aws import ROOT, check, signing_key

FILE = ROOT / "config/kubernetes/sidecar.yaml"
VERSIONS = ("1.34", kubernetes_validate.latest_version())  # the first with `sleep` for good, and the newest


@pytest.fixture
def manifests():
    return list(yaml.safe_load_all(FILE.read_text()))


def kind(manifests: list[dict], name: str) -> list[dict]:
    return [found for found in manifests if found["kind"] == name]


def pod(manifests: list[dict]) -> dict:
    return kind(manifests, "Deployment")[0]["spec"]["template"]["spec"]


def box(manifests: list[dict], name: str) -> dict:
    return next(found for found in pod(manifests)["containers"] if found["name"] == name)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schema_has_nothing_against_it(manifests, version):
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_would_have_noticed(manifests):
    for spoil in (
        lambda broken: box(broken, "app").update(readinesProbe={}),
        lambda broken: box(broken, "app")["securityContext"].update(runAsUser="1000"),
        lambda broken: pod(broken).update(terminationGracePeriodSeconds="60s"),
        lambda broken: kind(broken, "NetworkPolicy")[0]["spec"].update(policyTypes="Ingress"),
    ):
        broken = copy.deepcopy(manifests)
        spoil(broken)
        with pytest.raises(kubernetes_validate.ValidationError):
            for manifest in broken:
                kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)


def test_every_container_is_restricted(manifests):
    assert kind(manifests, "Namespace")[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod(manifests)["securityContext"]["runAsNonRoot"] is True
    assert pod(manifests)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(manifests)["automountServiceAccountToken"] is False
    for found in pod(manifests)["containers"]:
        context = found["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["runAsUser"] > 0


def test_the_application_cannot_be_reached_and_cannot_read_the_key(manifests):
    app = box(manifests, "app")
    assert "ports" not in app
    assert {"name": "GRADIO_SERVER_NAME", "value": "127.0.0.1"} in app["env"]
    assert [mount["name"] for mount in app["volumeMounts"]] == ["tmp"]
    (rule,) = kind(manifests, "NetworkPolicy")[0]["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert all(set(source) == {"ipBlock"} for source in rule["from"])
    assert [port["port"] for port in kind(manifests, "Service")[0]["spec"]["ports"]] == [8080]


def test_probes_ask_where_somebody_listens(manifests):
    """The kubelet asks the pod's address: the proxy's main listener, and nothing on loopback but by a command inside."""
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert box(manifests, "cognito-auth-proxy")[name]["httpGet"]["port"] == "proxy"
        assert "httpGet" not in box(manifests, "app").get(name, {}) and "tcpSocket" not in box(manifests, "app").get(name, {})
    assert box(manifests, "cognito-auth-proxy")["livenessProbe"]["httpGet"]["path"] == "/.auth/health"


def test_the_proxy_drains_while_the_application_still_runs(manifests):
    settings = {entry["name"]: entry["value"] for entry in box(manifests, "cognito-auth-proxy")["env"]}
    delay = int(settings["COGNITO_AUTH_DRAIN_DELAY"].removesuffix("s"))
    deadline = re.search(r'^drain_deadline = "(\d+)s"$', (ROOT / "config/default.toml").read_text(), re.MULTILINE)
    drained = delay + int(deadline[1])
    waits = box(manifests, "app")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drained < waits < pod(manifests)["terminationGracePeriodSeconds"]
    assert "initContainers" not in pod(manifests), "a native sidecar is stopped after the application"


def test_a_rollout_waits_for_the_load_balancer(manifests):
    """For the new pod until its target is healthy; for the old one until no request comes any more, which takes seconds."""
    assert kind(manifests, "Namespace")[0]["metadata"]["labels"]["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"
    settings = {entry["name"]: entry["value"] for entry in box(manifests, "cognito-auth-proxy")["env"]}
    assert int(settings["COGNITO_AUTH_DRAIN_DELAY"].removesuffix("s")) >= 15
    assert kind(manifests, "Deployment")[0]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (pages,) = [found for found in kind(manifests, "Ingress") if found["metadata"]["name"] == "pages"]
    attributes = pages["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-group-attributes"]
    waits = box(manifests, "app")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 30 <= int(re.search(r"deregistration_delay\.timeout_seconds=(\d+)", attributes)[1]) < waits


def test_only_signing_out_needs_no_user(manifests):
    ingresses = {found["metadata"]["name"]: found for found in kind(manifests, "Ingress")}
    note = "alb.ingress.kubernetes.io/"
    free, pages = (ingresses[name]["metadata"]["annotations"] for name in ("without-a-user", "pages"))
    assert (free[f"{note}auth-type"], pages[f"{note}auth-type"]) == ("none", "cognito")
    assert free[f"{note}group.name"] == pages[f"{note}group.name"]
    assert int(free[f"{note}group.order"]) < int(pages[f"{note}group.order"])
    (rule,) = ingresses["without-a-user"]["spec"]["rules"]
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [("/.auth/logout", "Exact")]
    assert "openid" in pages[f"{note}auth-scope"].split()
    assert set(json.loads(pages[f"{note}auth-idp-cognito"])) == {"userPoolARN", "userPoolClientID", "userPoolDomain"}


def test_the_proxy_accepts_every_setting_in_it(manifests, tmp_path):
    policy, key = tmp_path / "policy.json", tmp_path / "signing-key.pem"
    policy.write_text(kind(manifests, "ConfigMap")[0]["data"]["policy.json"])
    key.write_text(signing_key())
    settings = {entry["name"]: entry["value"] for entry in box(manifests, "cognito-auth-proxy")["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in box(manifests, "cognito-auth-proxy")["volumeMounts"]}
    assert settings["COGNITO_AUTH_CONFIG_PATH"] == f"{mounts['policy']}/{policy.name}"
    assert settings["COGNITO_AUTH_SIGNING_KEY_FILE"] == f"{mounts['keys']}/{key.name}"
    here = {"COGNITO_AUTH_CONFIG_PATH": str(policy), "COGNITO_AUTH_SIGNING_KEY_FILE": str(key)}
    answer = check(settings | here)
    assert answer.returncode == 0, answer.stderr
