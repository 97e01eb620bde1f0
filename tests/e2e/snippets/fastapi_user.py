import os
from typing import Annotated

import jwt  # PyJWT[crypto]
from fastapi import Header, HTTPException

KEYS = jwt.PyJWKClient(os.environ.get("AUTH_JWKS_URL", "http://127.0.0.1:8080/.auth/jwks.json"))


def current_user(x_auth_user: Annotated[str, Header()] = "") -> dict:
    """The signed-in user, for `Depends(current_user)`."""
    try:
        return jwt.decode(
            x_auth_user,
            KEYS.get_signing_key_from_jwt(x_auth_user),
            algorithms=["ES256"],
            issuer="cognito-auth-proxy",
            audience="upstream",
            options={"require": ["exp", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, "no valid X-Auth-User") from error
