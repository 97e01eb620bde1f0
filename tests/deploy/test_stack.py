"""As much of config/ecs/cloudformation.yaml as moto can make, made, and what came of it given to the proxy."""

import json

import pytest
from aws import check, signing_key, stand_in, task_definition
from taskdef import faults
from test_cloudformation import resources, stack  # noqa: F401 (fixtures)
from test_ecs import AWAITED

# What moto's CloudFormation does not know. Users and the policy are made through its other interfaces instead.
UNKNOWN_TO_MOTO = ("Cognito::", "SecretsManager::", "EC2::SecurityGroupEgress", "CloudWatch::Alarm", "Logs::MetricFilter")


def filled(value, given: dict):
    """The template with what `given` says in place of each reference to a resource that is made elsewhere."""
    if isinstance(value, dict):
        for way, name in value.items():
            name = ".".join(name) if isinstance(name, list) and way == "Fn::GetAtt" else name
            if way in ("Ref", "Fn::GetAtt") and name in given:
                return given[name]
            if way == "Fn::Sub":
                text, *names = name if isinstance(name, list) else [name]
                for known, found in given.items():
                    text = text.replace(f"${{{known}}}", found)
                return {way: [text, *names] if names else text}
        return {key: filled(entry, given) for key, entry in value.items()}
    return [filled(entry, given) for entry in value if not may_be_nothing(entry)] if isinstance(value, list) else value


def may_be_nothing(entry) -> bool:
    """moto takes the AWS::NoValue of a list for an entry. With the parameters below it is what each of them comes to."""
    return isinstance(entry, dict) and entry.get("Fn::If", [None])[-1] == {"Ref": "AWS::NoValue"}


def users(aws, resources: dict) -> dict[str, str]:
    """The pool and its client as the template has them, and what references to them give."""
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="gradio-app", UsernameAttributes=["email"])["UserPool"]
    wanted = {"UserPoolId": pool["Id"], "CallbackURLs": ["https://app.example.com/oauth2/idpresponse"]}
    wanted["LogoutURLs"] = ["https://app.example.com/signed-out"]
    client = cognito.create_user_pool_client(**(resources["UserPoolClient"]["Properties"] | wanted))["UserPoolClient"]
    cognito.create_user_pool_domain(UserPoolId=pool["Id"], Domain="gradio-app")
    cognito.create_group(UserPoolId=pool["Id"], GroupName="app-users")
    return {"UserPool": pool["Id"], "UserPool.Arn": pool["Arn"], "UserPoolClient": client["ClientId"], "UserPoolDomain": "gradio-app"}


def network(aws) -> dict[str, str]:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-west-2{zone}")["Subnet"]["SubnetId"]
        for number, zone in enumerate("abab")
    ]
    return {"VpcId": vpc, "PublicSubnets": ",".join(subnets[:2]), "PrivateSubnets": ",".join(subnets[2:])}


@pytest.fixture(scope="module")
def made(stack, resources):  # noqa: F811
    with stand_in() as aws:
        secrets = aws.client("secretsmanager")
        key = secrets.create_secret(Name="gradio-app/signing-key", SecretString=signing_key())
        policy = secrets.create_secret(Name="gradio-app/policy", SecretString='{"allowed_groups": ["app-users"]}')
        given = users(aws, resources) | {"PolicySecret": policy["ARN"]}
        known = {
            name: found for name, found in resources.items() if not found["Type"].removeprefix("AWS::").startswith(UNKNOWN_TO_MOTO)
        }
        reduced = filled(stack | {"Resources": known}, given)
        parameters = network(aws) | {
            "DomainName": "app.example.com",
            "CertificateArn": aws.client("acm").request_certificate(DomainName="app.example.com")["CertificateArn"],
            "AppImage": "123456789012.dkr.ecr.eu-west-2.amazonaws.com/app:1.0.0",
            "ProxyImage": "123456789012.dkr.ecr.eu-west-2.amazonaws.com/cognito-auth-proxy:0.1.0",
            "UserPoolDomainPrefix": "gradio-app",
            "SigningKeySecretArn": key["ARN"],
        }
        formation = aws.client("cloudformation")
        formation.create_stack(
            StackName="gradio-app",
            TemplateBody=json.dumps(reduced),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (found,) = formation.describe_stacks(StackName="gradio-app")["Stacks"]
        assert found["StackStatus"] == "CREATE_COMPLETE", found
        yield aws, {entry["OutputKey"]: entry["OutputValue"] for entry in found["Outputs"]}


def test_the_stack_can_be_made(made):
    aws, outputs = made
    elb = aws.client("elbv2")
    listeners = {one["Port"]: one for one in elb.describe_listeners(LoadBalancerArn=outputs["LoadBalancerArn"])["Listeners"]}
    assert sorted(listeners) == [80, 443]
    found = elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]
    assert sorted(rule["Priority"] for rule in found) == ["10", "100", "20", "30", "default"]
    (service,) = aws.client("ecs").describe_services(cluster="gradio-app", services=["gradio-app"])["services"]
    assert service["taskDefinition"] == outputs["TaskDefinitionArn"]
    task = aws.client("ecs").describe_task_definition(taskDefinition=outputs["TaskDefinitionArn"])["taskDefinition"]
    assert [box["name"] for box in task["containerDefinitions"]] == ["app", "cognito-auth-proxy"]
    # Filled in, the containers pass what the example's pass; moto keeps little of what stands above them.
    assert faults(task_definition() | {"containerDefinitions": task["containerDefinitions"]}) == []


def test_the_proxy_accepts_the_settings_of_the_stack(made):
    aws, outputs = made
    task = aws.client("ecs").describe_task_definition(taskDefinition=outputs["TaskDefinitionArn"])["taskDefinition"]
    (proxy,) = [box for box in task["containerDefinitions"] if box["name"] == "cognito-auth-proxy"]
    settings = {entry["name"]: entry["value"] for entry in proxy["environment"]}
    assert settings["COGNITO_AUTH_ALB_ARNS"] == outputs["LoadBalancerArn"]
    assert settings["COGNITO_AUTH_USER_POOL_ID"] == outputs["UserPoolId"]
    assert settings["COGNITO_AUTH_CLIENT_IDS"] == outputs["UserPoolClientId"]
    settings["COGNITO_AUTH_SIGNING_KEY"] = signing_key()
    for name in AWAITED:
        assert settings.pop(name), f"{name} is not in the template"
        settings["COGNITO_AUTH_ALLOWED_GROUPS"] = "app-users"
    assert settings["COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN"] == "gradio-app.auth.eu-west-2.amazoncognito.com"
    assert outputs["SignInPages"] == "https://" + settings["COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN"]
    for mode in ("off", "self-signed"):  # TargetProtocol
        answer = check(settings | {"COGNITO_AUTH_TLS_MODE": mode} | aws.environment)
        assert answer.returncode == 0, answer.stderr
