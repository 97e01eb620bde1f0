"""A Gradio application that greets the user whom the proxy verified. It knows nothing else of signing in."""

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


def greet(request: gr.Request) -> str:
    user = current_user(request)
    return f"Hello {user.get('email', user['sub'])}, member of {', '.join(user.get('groups', [])) or 'no group'}"


with gr.Blocks(title="Behind cognito-auth-proxy") as demo:
    gr.Markdown("# Behind cognito-auth-proxy")
    greeting = gr.Textbox(label="Greeting")
    gr.Button("Who am I?").click(greet, None, greeting, api_name="greet")
    demo.load(greet, None, greeting)

# Loopback unless told otherwise: only the proxy, which shares it, can connect.
demo.launch(server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), server_port=7860, ssr_mode=False, quiet=True)
