import os

import jwt  # PyJWT[crypto]
import streamlit as st

KEYS = jwt.PyJWKClient(os.environ.get("AUTH_JWKS_URL", "http://127.0.0.1:8080/.auth/jwks.json"))


def current_user() -> dict:
    """The signed-in user. The headers are those the page's socket was opened with, and outlive the minute of the
    token, so the token is verified once and what it said is kept beside it."""
    token = st.context.headers.get("X-Auth-User", "")
    if st.session_state.get("verified", ("",))[0] != token:
        try:
            user = jwt.decode(
                token,
                KEYS.get_signing_key_from_jwt(token),
                algorithms=["ES256"],
                issuer="cognito-auth-proxy",
                audience="upstream",
                options={"require": ["exp", "sub"]},
            )
        except jwt.PyJWTError:
            st.error("no valid X-Auth-User")
            st.stop()
        st.session_state["verified"] = (token, user)
    return st.session_state["verified"][1]
