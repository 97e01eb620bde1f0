"""AWS on this machine: moto's server, with a user pool that issues tokens, Secrets Manager and the Parameter Store.

It is asked as AWS is, over HTTP, without the SDK for Python: that one and Streamlit want different versions of
python-dateutil, so moto has an environment of its own (`.work/aws`, made by run.sh).
"""

import json
import secrets
import socket

import httpx

from stack import HERE, PATIENCE, Issuer, Process, free_port

REGION = "eu-west-2"
SERVER = HERE / ".work" / "aws" / "bin" / "moto_server"
TARGETS = {
    "cognito-idp": "AWSCognitoIdentityProviderService",
    "secretsmanager": "secretsmanager",
    "ssm": "AmazonSSM",
}


class Aws(Process):
    """One account in one region, with a pool, an app client and two groups."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__("moto", [str(SERVER), "-H", "127.0.0.1", "-p", str(self.port)])
        self.wait_for(self.listens, "listening")
        self.pool = self.ask("cognito-idp", "CreateUserPool", PoolName="apps")["UserPool"]["Id"]
        made = self.cognito(
            "CreateUserPoolClient", ClientName="sidecar", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )
        self.client_id = made["UserPoolClient"]["ClientId"]
        for group in ("staff", "readers"):
            self.cognito("CreateGroup", GroupName=group)
        # What the SDK in the proxy finds in its environment, as on ECS.
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, service: str, action: str, **body: object) -> dict:
        """One request. moto takes region and service from the signature and does not check it."""
        scope = f"AKIDEXAMPLE/20260101/{REGION}/{service}/aws4_request"
        fields = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"{TARGETS[service]}.{action}",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00",
        }
        answer = httpx.post(self.url, headers=fields, content=json.dumps(body), timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def cognito(self, action: str, **body: object) -> dict:
        return self.ask("cognito-idp", action, UserPoolId=self.pool, **body)

    def sign_in(self, issuer: Issuer, name: str, *groups: str) -> dict[str, str]:
        """A new user of the pool signs in: what the ALB adds to their requests. The access token is the pool's own."""
        password = "Pw-" + secrets.token_hex(8)
        email = {"Name": "email", "Value": f"{name}@example.test"}
        made = self.cognito("AdminCreateUser", Username=name, MessageAction="SUPPRESS", UserAttributes=[email])
        sub = next(each["Value"] for each in made["User"]["Attributes"] if each["Name"] == "sub")
        self.cognito("AdminSetUserPassword", Username=name, Password=password, Permanent=True)
        for group in groups:
            self.cognito("AdminAddUserToGroup", Username=name, GroupName=group)
        given = self.cognito(
            "AdminInitiateAuth",
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        access_token = given["AuthenticationResult"]["AccessToken"]
        issuer.minted.add(access_token)
        iss = f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool}"
        fields = issuer.mint(email=email["Value"], sub=sub, client=self.client_id, iss=iss, ttl=3600)
        return fields | {"x-amzn-oidc-accesstoken": access_token}

    def keep_secret(self, name: str, text: str) -> None:
        self.ask("secretsmanager", "CreateSecret", Name=name, SecretString=text, ClientRequestToken=secrets.token_hex(16))

    def change_secret(self, name: str, text: str) -> None:
        token = secrets.token_hex(16)
        self.ask("secretsmanager", "PutSecretValue", SecretId=name, SecretString=text, ClientRequestToken=token)

    def put_parameter(self, name: str, text: str) -> None:
        self.ask("ssm", "PutParameter", Name=name, Value=text, Type="SecureString", Overwrite=True)

    def settings(self) -> dict[str, str]:
        """For a proxy whose users are of this pool, and whose policy is kept here."""
        return self.environment | {
            "COGNITO_AUTH_USER_POOL_ID": self.pool,
            "COGNITO_AUTH_COGNITO_JWKS_URL": f"{self.url}/{self.pool}/.well-known/jwks.json",
            "COGNITO_AUTH_CLIENT_IDS": self.client_id,
            "COGNITO_AUTH_ALLOWED_GROUPS": "",
            "COGNITO_AUTH_REFRESH": "1s",
        }
