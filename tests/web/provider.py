"""A small identity provider: OpenID Connect's code flow with a secret, PKCE and signed tokens, for one dashboard."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from facepriv.web.pages import read_form

CLIENT, SECRET = "facepriv-test", "a-secret-of-the-test-9d1f"


class Provider:
    """Whoever comes is ``person``, at once.

    ``claims`` change what its tokens say, with None for what they leave out; ``key`` signs them, and ``forge`` makes
    the token itself.
    """

    def __init__(self) -> None:
        self.own_key = RSAKey.generate_key(2048, {"kid": "one"})
        self.reset()
        self._codes: dict[str, dict[str, str]] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{self._socket.getsockname()[1]}/realms/test"
        routes = {
            "/.well-known/openid-configuration": self._describe,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": self._keys,
        }
        app = Starlette(
            routes=[Route("/realms/test" + path, act, methods=["GET", "POST"]) for path, act in routes.items()]
        )
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def reset(self) -> None:
        """Be an honest provider again, for nobody in particular."""
        self.person: dict[str, Any] = {"sub": "0000"}
        self.claims: dict[str, Any] = {}
        self.key = self.own_key
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.says_no = self.is_down = False
        self.asked: dict[str, str] = {}

    def __enter__(self) -> Provider:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    async def _describe(self, _: Request) -> Response:
        if self.is_down:
            return Response("not now", status_code=503)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        self.asked = dict(request.query_params)
        back = {"state": self.asked["state"]}
        if self.says_no:
            back["error"] = "access_denied"
        else:
            code = secrets.token_urlsafe()
            self._codes[code] = self.asked
            back["code"] = code
        return RedirectResponse(f"{self.asked['redirect_uri']}?{urlencode(back)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = await read_form(request)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        who = base64.b64decode(given).decode() if scheme == "Basic" else ""
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if unquote(who) != f"{CLIENT}:{SECRET}":
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or base64.urlsafe_b64encode(verifier).decode().rstrip("=") != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            **self.person,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        make = self.forge or (lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key))
        token = make(claims)
        return JSONResponse({"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "id_token": token})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.own_key.as_dict(private=False, use="sig", alg="RS256")]})
