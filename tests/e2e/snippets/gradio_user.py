import os

import gradio as gr
import jwt  # PyJWT[crypto]

KEYS = jwt.PyJWKClient(os.environ.get("AUTH_JWKS_URL", "http://127.0.0.1:8080/.auth/jwks.json"))


def current_user(request: gr.Request) -> dict:
    """The signed-in user; call it with the `request: gr.Request` of an event handler."""
    token = request.headers.get("x-auth-user", "")
    try:
        return jwt.decode(
            token,
            KEYS.get_signing_key_from_jwt(token),
            algorithms=["ES256"],
            issuer="cognito-auth-proxy",
            audience="upstream",
            options={"require": ["exp", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise gr.Error("no valid X-Auth-User") from error
