"""config/ecs/cloudformation.yaml: no warning of cfn-lint, nobody past the load balancer, rules in the right order, secrets by
reference. (test_stack.py makes as much of it as can be made here.)"""

import itertools
import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from aws import PROXY, ROOT, template

FILE = ROOT / "config/ecs/cloudformation.yaml"


@pytest.fixture(scope="module")
def stack():
    return template()


@pytest.fixture(scope="module")
def resources(stack):
    return stack["Resources"]


def of_type(resources: dict, kind: str) -> dict[str, dict]:
    return {name: found["Properties"] for name, found in resources.items() if found["Type"] == f"AWS::{kind}"}


def lint(path) -> subprocess.CompletedProcess:
    program = pathlib.Path(sys.executable).with_name("cfn-lint")
    command = [program, "--include-checks", "I", "--template", path]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_linter_has_nothing_to_say():
    answer = lint(FILE)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_the_linter_would_have_noticed(tmp_path):
    text = FILE.read_text()
    for label, good, bad in (
        ("reference", "!Ref TargetGroup }", "!Ref TargetGroups }"),
        ("enumeration", "OnUnauthenticatedRequest: deny", "OnUnauthenticatedRequest: refuse"),
        ("name", "OnUnauthenticatedRequest: deny", "OnUnauthenticated: deny"),
        ("size", 'Memory: "2048"', 'Memory: "1536"'),
    ):
        assert good in text, label
        broken = tmp_path / f"{label}.yaml"
        broken.write_text(text.replace(good, bad, 1))
        assert lint(broken).returncode != 0, label


def test_only_the_load_balancer_reaches_the_task(resources):
    groups = of_type(resources, "EC2::SecurityGroup")
    (way_in,) = groups["TaskGroup"]["SecurityGroupIngress"]
    assert way_in["SourceSecurityGroupId"] == {"Fn::GetAtt": ["LoadBalancerGroup", "GroupId"]}
    assert (way_in["FromPort"], way_in["ToPort"], way_in["IpProtocol"]) == (8080, 8080, "tcp")
    assert "CidrIp" not in way_in and "CidrIpv6" not in way_in
    assert of_type(resources, "EC2::SecurityGroupIngress") == {}, "a way in that stands somewhere else"
    network = resources["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["SecurityGroups"] == [{"Fn::GetAtt": ["TaskGroup", "GroupId"]}]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == {"Ref": "PrivateSubnets"}


def test_the_ways_out_are_those_that_keys_and_sign_in_need(resources):
    groups = of_type(resources, "EC2::SecurityGroup")
    for name in ("TaskGroup", "LoadBalancerGroup"):
        assert [(out["FromPort"], out["ToPort"]) for out in groups[name]["SecurityGroupEgress"]] == [(443, 443)]
    (out,) = of_type(resources, "EC2::SecurityGroupEgress").values()
    assert (out["FromPort"], out["ToPort"]) == (8080, 8080)
    assert out["DestinationSecurityGroupId"] == {"Fn::GetAtt": ["TaskGroup", "GroupId"]}


def rules(resources: dict) -> list[dict]:
    return sorted(of_type(resources, "ElasticLoadBalancingV2::ListenerRule").values(), key=lambda rule: rule["Priority"])


def paths(rule: dict):
    found = [one["PathPatternConfig"]["Values"] for one in rule["Conditions"] if one["Field"] == "path-pattern"]
    return found[0] if found else None


def kinds(rule: dict) -> list[str]:
    return [action["Type"] for action in sorted(rule["Actions"], key=lambda action: action.get("Order", 1))]


def test_rules_stand_from_the_narrow_to_the_wide(resources):
    found = [(paths(rule), kinds(rule)) for rule in rules(resources)]
    assert found == [
        (["/signed-out"], ["fixed-response"]),
        (["/.auth/logout", "/.auth/health"], ["forward"]),
        ({"Ref": "ApiPaths"}, ["authenticate-cognito", "forward"]),
        (None, ["authenticate-cognito", "forward"]),
    ]


def test_without_a_user_nothing_but_the_proxys_own_answers_are_reached(resources):
    """Exact paths below the reserved prefix: no pattern, so nothing else of the host comes through."""
    for rule in rules(resources):
        if "forward" in kinds(rule) and "authenticate-cognito" not in kinds(rule):
            assert all(re.fullmatch(r"/\.auth/[a-z]+", path) for path in paths(rule))
    for listener in of_type(resources, "ElasticLoadBalancingV2::Listener").values():
        assert [action["Type"] for action in listener["DefaultActions"]] in (["fixed-response"], ["redirect"])


def test_every_rule_is_for_the_one_host_and_has_no_more_values_than_a_rule_may(stack, resources):
    for rule in rules(resources):
        (host,) = [one["HostHeaderConfig"]["Values"] for one in rule["Conditions"] if one["Field"] == "host-header"]
        assert host == [{"Ref": "DomainName"}]
        given = paths(rule) or []
        if isinstance(given, dict):
            given = stack["Parameters"][given["Ref"]]["Default"].split(",")
        assert len(host) + len(given) <= 5


def test_both_rules_that_sign_in_ask_for_the_same_and_for_openid(resources):
    found = [
        action["AuthenticateCognitoConfig"] for rule in rules(resources) for action in rule["Actions"] if "AuthenticateCognitoConfig" in action
    ]
    assert [one.pop("OnUnauthenticatedRequest") for one in map(dict, found)] == ["deny", "authenticate"]
    assert len({json.dumps({key: value for key, value in one.items() if key != "OnUnauthenticatedRequest"}) for one in found}) == 1
    assert "openid" in found[0]["Scope"].split()
    client = resources["UserPoolClient"]["Properties"]
    assert set(found[0]["Scope"].split()) <= set(client["AllowedOAuthScopes"])
    refresh = client["RefreshTokenValidity"] * {"hours": 3600, "days": 86400}[client["TokenValidityUnits"]["RefreshToken"]]
    assert refresh > found[0]["SessionTimeout"]


def test_the_client_fits_a_load_balancer(resources):
    client = resources["UserPoolClient"]["Properties"]
    assert client["GenerateSecret"] is True
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == [{"Fn::Sub": "https://${DomainName}/oauth2/idpresponse"}]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert resources["UserPool"]["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_signing_out_ends_on_a_page_that_needs_no_user(resources):
    (landing,) = resources["UserPoolClient"]["Properties"]["LogoutURLs"]
    (proxy,) = [box for box in resources["TaskDefinition"]["Properties"]["ContainerDefinitions"] if box["Name"] != "app"]
    environment = {entry["Name"]: entry["Value"] for entry in proxy["Environment"]}
    assert environment["COGNITO_AUTH_LOGOUT_REDIRECT_URL"] == landing == {"Fn::Sub": "https://${DomainName}/signed-out"}
    # Sign-in pages of GovCloud have another host.
    (text, names) = environment["COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN"]["Fn::Sub"]
    assert text == "${UserPoolDomain}.${Host}.${AWS::Region}.amazoncognito.com"
    assert names == {"Host": {"Fn::If": ["GovCloud", "auth-fips", "auth"]}}
    page = rules(resources)[0]
    assert paths(page) == ["/signed-out"]
    assert len(page["Actions"][0]["FixedResponseConfig"]["MessageBody"]) <= 1024


def attributes(found: list[dict]) -> dict:
    return {one["Key"]: one["Value"] for one in found}


def test_the_load_balancer_is_strict_and_outlives_mistakes(resources):
    found = attributes(resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"])
    assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert found["routing.http.desync_mitigation_mode"] == "strictest"
    assert found["deletion_protection.enabled"] == {"Ref": "DeletionProtection"}
    kept = re.search(r'keep_alive_timeout = "(\d+)s"', (ROOT / "config/default.toml").read_text())
    assert int(found["idle_timeout.timeout_seconds"]) < int(kept[1])


def test_a_first_deployment_that_failed_leaves_nothing_that_is_in_the_way(stack, resources):
    """Protected, it could not be rolled back; retained, what has a fixed name would be there already the next time."""
    assert stack["Parameters"]["DeletionProtection"]["Default"] == "false"
    assert stack["Conditions"]["Protected"] == {"Fn::Equals": [{"Ref": "DeletionProtection"}, "true"]}
    assert resources["UserPool"]["Properties"]["DeletionProtection"] == {"Fn::If": ["Protected", "ACTIVE", "INACTIVE"]}
    kept = {name: found["DeletionPolicy"] for name, found in resources.items() if "Retain" in found.get("DeletionPolicy", "")}
    assert kept == dict.fromkeys(("UserPool", "ProxyLog", "AppLog"), "RetainExceptOnCreate")


def test_one_parameter_chooses_tls_for_the_target_its_health_check_and_the_proxy(stack, resources):
    group = resources["TargetGroup"]["Properties"]
    assert group["Protocol"] == group["HealthCheckProtocol"] == {"Ref": "TargetProtocol"}
    assert stack["Conditions"]["Tls"] == {"Fn::Equals": [{"Ref": "TargetProtocol"}, "HTTPS"]}
    boxes = {box["Name"]: box for box in resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]}
    proxy, app = ({entry["Name"]: entry["Value"] for entry in boxes[name]["Environment"]} for name in ("cognito-auth-proxy", "app"))
    assert proxy["COGNITO_AUTH_TLS_MODE"] == {"Fn::If": ["Tls", "self-signed", "off"]}
    assert app["AUTH_JWKS_URL"].startswith("http://127.0.0.1:9090/"), "the main listener may speak TLS"


def test_targets_are_addresses_asked_for_what_the_proxy_answers_itself(resources):
    group = resources["TargetGroup"]["Properties"]
    assert (group["TargetType"], group["Port"], group["HealthCheckPath"]) == ("ip", 8080, "/.auth/health")
    assert group["Matcher"] == {"HttpCode": "200"}
    assert int(attributes(group["TargetGroupAttributes"])["deregistration_delay.timeout_seconds"]) >= 30


def test_no_secret_stands_in_the_template(stack, resources):
    assert "PRIVATE KEY" not in FILE.read_text()
    for name, parameter in stack["Parameters"].items():
        if "Secret" in name or "Key" in name:
            assert name.endswith("Arn") and parameter.get("Default", "") == ""
    assert "Default" not in stack["Parameters"]["SigningKeySecretArn"]
    for box in resources["TaskDefinition"]["Properties"]["ContainerDefinitions"]:
        assert [entry for entry in box.get("Secrets", []) if entry["ValueFrom"] != {"Ref": "SigningKeySecretArn"}] == []


def statements(resources: dict, role: str) -> list[dict]:
    policies = [one for policy in resources[role]["Properties"].get("Policies", []) for one in policy.get("Fn::If", [None, policy])[1:]]
    policies = [policy for policy in policies if policy != {"Ref": "AWS::NoValue"}]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_the_containers_may_read_the_policy_and_nothing_else(resources):
    """The application shares the role: it must not be able to read the key that it trusts."""
    assert "ManagedPolicyArns" not in resources["TaskRole"]["Properties"]
    assert statements(resources, "TaskRole") == [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "PolicySecret"}}
    ]
    fetch, decrypt = statements(resources, "ExecutionRole")
    assert (fetch["Action"], fetch["Resource"]) == ("secretsmanager:GetSecretValue", {"Ref": "SigningKeySecretArn"})
    assert (decrypt["Action"], decrypt["Resource"]) == ("kms:Decrypt", {"Ref": "SigningKmsKeyArn"})
    assert decrypt["Condition"] == {"StringEquals": {"kms:EncryptionContext:SecretARN": {"Ref": "SigningKeySecretArn"}}}


def test_a_bad_task_is_rolled_back_and_no_good_one_stopped_for_it(resources):
    deployment = resources["Service"]["Properties"]["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["MinimumHealthyPercent"] == 100
    assert {"OwnRule", "ApiRule", "PagesRule"} <= set(resources["Service"]["DependsOn"])


def test_whoever_should_wake_is_woken(resources):
    alarms = of_type(resources, "CloudWatch::Alarm")
    watched = {alarm["MetricName"]: alarm for alarm in alarms.values()}
    assert len(watched) == len(alarms)
    # Unhealthy targets are none where none is registered: then nobody counts, and that has to ring.
    nobody = watched["HealthyHostCount"]
    assert (nobody["ComparisonOperator"], nobody["Threshold"], nobody["TreatMissingData"]) == ("LessThanThreshold", 1, "breaching")
    assert {"UnHealthyHostCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "ELBAuthError"} <= watched.keys()
    for metric, alarm in watched.items():
        assert alarm["AlarmActions"] == {"Fn::If": ["Alerts", [{"Ref": "AlarmTopicArn"}], []]}
        of_target = {entry["Name"] for entry in alarm.get("Dimensions", [])}
        # What the load balancer says of itself has no target group, and with one it would be another metric, for ever empty.
        if alarm["Namespace"] == "AWS/ApplicationELB":
            assert ("TargetGroup" in of_target) == ("ELB" not in metric), metric
    filters = of_type(resources, "Logs::MetricFilter").values()
    counted = {one["MetricName"] for each in filters for one in each["MetricTransformations"]}
    assert counted == {metric for metric, alarm in watched.items() if alarm["Namespace"] == {"Ref": "AWS::StackName"}}


def test_a_policy_that_is_refused_is_a_line_that_rings(resources, tmp_path):
    """What ErrorsFilter looks for, out of the log of the proxy itself."""
    assert resources["ErrorsFilter"]["Properties"]["FilterPattern"] == '{ $.level = "ERROR" }'
    policy = tmp_path / "policy.json"
    policy.write_text('{"allowed_groups": ["app-users"]}')
    settings = {
        "COGNITO_AUTH_ALB_ARNS": "arn:aws:elasticloadbalancing:eu-west-2:111122223333:loadbalancer/app/name/0123456789abcdef",
        "COGNITO_AUTH_CLIENT_IDS": "client",
        "COGNITO_AUTH_USER_POOL_ID": "eu-west-2_pool",
        "COGNITO_AUTH_CONFIG_PATH": str(policy),
        "COGNITO_AUTH_LISTEN": "127.0.0.1:0",
        "COGNITO_AUTH_ADMIN_LISTEN": "127.0.0.1:0",
    }
    with subprocess.Popen([PROXY], env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            lines = map(json.loads, running.stdout)
            assert not [line for line in itertools.takewhile(lambda line: line["message"] != "serving", lines) if line["level"] == "ERROR"]
            policy.write_text("{")
            error = next(line for line in lines if line["level"] == "ERROR")
            assert "policy not taken" in error["message"]
        finally:
            running.kill()


def test_alarms_look_for_reasons_there_are(resources):
    codes = (ROOT / "README.md").read_text()
    named = re.findall(r'\$\.reason = "(\w+)"', FILE.read_text())
    assert len(named) == 6
    assert [name for name in named if f"`{name}`" not in codes] == []


def test_the_file_has_no_alias():
    """CloudFormation refuses what YAML calls one."""
    events = yaml.parse(FILE.read_text())
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]
