"""A small Streamlit app with the kinds of traffic Streamlit makes. It knows nothing of the proxy but `current_user`.

    streamlit run streamlit_app.py

What it is handed over the web socket goes to standard output, where conftest.py picks it up to search for it.
"""

import hashlib
import os
import pathlib
import time

import streamlit as st

from snippets.streamlit_user import current_user

PATIENCE = 30  # seconds a stream waits for its reader before it gives up


def parts(channel: str):
    """Three parts; each waits until the test has seen the one before it, so a batch never gets to the end.

    A Streamlit app has no route a test could call, so the word comes as a file.
    """
    seen = pathlib.Path(os.environ["E2E_GATES"])
    for number in range(3):
        yield f"part {number} "
        deadline = time.monotonic() + PATIENCE
        while not (seen / f"{channel}-{number}").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"part {number} was never seen")
            time.sleep(0.02)


st.title("e2e")

st.header("Greeting")
name = st.text_input("Name")
if name:
    st.write(f"hello {name}")

st.header("User")
print("assertion:", st.context.headers.get("X-Auth-User"), flush=True)
user = current_user()
st.write(f"signed in as {user.get('email')}")
st.json(user)
st.write("load balancer headers:", sum(key.lower().startswith("x-amzn-oidc") for key in st.context.headers))

st.header("Upload")
if given := st.file_uploader("File"):
    content = given.getvalue()
    st.write(f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    st.download_button("Give back", content, file_name="given back.bin")

st.header("Stream")
channel = st.text_input("Channel")
if st.button("stream"):
    st.write_stream(parts(channel))
    st.write("stream ended")
