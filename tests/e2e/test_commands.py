"""The binary as an operator runs it: exit codes, and what it prints."""

import subprocess

import httpx
import pytest

from stack import REDIRECT_URL, command, free_port


def test_healthcheck_tells_a_running_proxy_from_none(fastapi):
    assert command("healthcheck", **fastapi.proxy.settings).returncode == 0
    nobody = fastapi.proxy.settings | {"COGNITO_AUTH_ADMIN_LISTEN": f"127.0.0.1:{free_port()}"}
    assert command("healthcheck", **nobody).returncode == 1


def test_check_shows_settings_with_their_layer_and_no_secret(fastapi):
    secret = "a-secret-of-more-than-thirty-two-bytes"
    settings = fastapi.proxy.settings | {
        "COGNITO_AUTH_ASSERTION_ALGORITHM": "HS256",
        "COGNITO_AUTH_SIGNING_KEY": secret,
    }
    checked = command("check", **settings)
    assert checked.returncode == 0, checked.stderr
    assert secret not in checked.stdout + checked.stderr
    [line] = [line for line in checked.stdout.splitlines() if "rejection.redirect_url" in line]
    assert REDIRECT_URL in line
    assert "COGNITO_AUTH_REDIRECT_URL" in line


def test_every_problem_is_named_at_once_and_nothing_starts(fastapi):
    broken = fastapi.proxy.settings | {"COGNITO_AUTH_ALB_ARNS": "arn:aws:nothing", "COGNITO_AUTH_ALLOWED_GROUPS": ""}
    for arguments in (["check"], ["run"], []):
        refused = command(*arguments, **broken)
        assert refused.returncode == 64
        assert "alb.arns" in refused.stderr
        assert "authoriser" in refused.stderr


def test_admin_listener_answers_health_ready_and_keys(fastapi):
    for path in ("/health", "/ready", "/jwks.json"):
        assert httpx.get(fastapi.proxy.admin_url + path).status_code == 200
    keys = httpx.get(fastapi.url + "/.auth/jwks.json").json()["keys"]
    assert keys == httpx.get(fastapi.proxy.admin_url + "/jwks.json").json()["keys"]
    assert all("d" not in key for key in keys)


def test_nothing_under_the_reserved_prefix_reaches_the_app(fastapi, staff):
    with fastapi.client(staff) as client:
        for path in ("/.auth/unknown", "/.auth/", "/.auth/health/deeper"):
            assert client.get(path).status_code == 404
        assert client.get("/.authx").json() == {"detail": "Not Found"}, "that one is the app's"


@pytest.mark.parametrize("name", ["", "run", "dev", "check", "explain", "healthcheck", "doctor", "completions", "man"])
def test_groff_has_nothing_against_a_manual_page(name):
    page = command("man", *filter(None, [name])).stdout
    assert ".TH cognito" in page
    # The switch -ww tells everything that is doubtful, -z prints no page.
    judged = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stderr) == (0, "")
