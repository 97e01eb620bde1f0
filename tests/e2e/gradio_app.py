"""A small Gradio app with the kinds of traffic Gradio makes. It knows nothing of the proxy but `current_user`.

    gradio_app.py PORT

A stream goes on only when its reader has asked for the next part, so a test can tell a stream from a batch
without measuring time. What the app is handed goes to standard output, where conftest.py picks it up to search for it.
"""

import hashlib
import pathlib
import sys
import tempfile
import threading

import gradio as gr

from snippets.gradio_user import current_user

PATIENCE = 30  # seconds a stream waits for its reader before it gives up

acknowledged = threading.Condition()
seen: dict[str, int] = {}
unloaded: set[str] = set()


def greet(name):
    return f"hello {name}"


def who(request: gr.Request):
    print("assertion:", request.headers.get("x-auth-user"), flush=True)
    user = current_user(request)
    ours = [name for name in request.headers.keys() if name.replace("_", "-").replace(".", "-") == "x-auth-user"]
    return {
        "sub": user["sub"],
        "email": user["email"],
        "groups": user["groups"],
        "assertions": len(ours),
        "alb": [name for name in request.headers.keys() if name.startswith("x-amzn-oidc")],
    }


def stream(channel, count):
    for part in range(int(count)):
        yield f"part {part}"
        with acknowledged:
            if not acknowledged.wait_for(lambda: seen.get(channel, -1) >= part, PATIENCE):
                raise gr.Error(f"part {part} was never seen")


def acknowledge(channel, part):
    with acknowledged:
        seen[channel] = int(part)
        acknowledged.notify_all()
    return "ok"


def size(path):
    content = pathlib.Path(path).read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def give_back(path):
    copy = pathlib.Path(tempfile.mkdtemp()) / "given back = 100%.bin"
    copy.write_bytes(pathlib.Path(path).read_bytes())
    return str(copy)


def on_unload(request: gr.Request):
    unloaded.add(request.session_hash)


def was_unloaded(session):
    return session in unloaded


with gr.Blocks(title="e2e") as demo:
    text, number = gr.Textbox(label="Text"), gr.Number(label="Number")
    answer, facts, flag = gr.Textbox(label="Answer"), gr.JSON(label="Facts"), gr.Checkbox(label="Flag")
    given, returned = gr.File(label="Given"), gr.File(label="Returned")
    gr.Button("greet").click(greet, text, answer, api_name="greet")
    gr.Button("who").click(who, None, facts, api_name="who")
    gr.Button("stream").click(stream, [text, number], answer, api_name="stream", concurrency_limit=4)
    gr.Button("ack").click(acknowledge, [text, number], answer, api_name="ack", queue=False)
    gr.Button("size").click(size, given, facts, api_name="size")
    gr.Button("give back").click(give_back, given, returned, api_name="give_back")
    gr.Button("unloaded").click(was_unloaded, text, flag, api_name="was_unloaded", queue=False)
    demo.unload(on_unload)

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
