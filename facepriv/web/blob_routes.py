"""The routes by which a browser fetches what a page has put on the shelf for its holder."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from facepriv.web.blob_cache import BLOBS, BlobCache, Kind
from facepriv.web.headers import FRAMED_POLICY
from facepriv.web.identity import get_identity

MEDIA_TYPES: dict[Kind, str] = {"pictures": "image/png", "viewers": "text/html", "downloads": "text/html"}
PRIVATE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer, a refusal too: no cache keeps a face, no other site embeds one."""


def blob_routes(blob_cache: BlobCache = BLOBS) -> list[Route]:
    """Return the routes ``/pictures/…``, ``/viewers/…`` and ``/downloads/…``.

    They answer an auditor with what was put there for that very holder. For everything else, be it unknown, old or
    another's, the answer is the same 404.
    """

    def endpoint(kind: Kind) -> Route:
        async def give(request: Request) -> Response:
            identity = get_identity(request.scope)
            thing = None
            if identity is not None and identity.role == "auditor":
                thing = blob_cache.get(kind, request.path_params["token"], identity.holder)
            if thing is None:
                return PlainTextResponse("There is nothing here.", status_code=404, headers=PRIVATE)
            headers = dict(PRIVATE)
            if thing.kind == "downloads":
                headers["Content-Disposition"] = f'attachment; filename="{thing.file_name}"'
            if thing.kind == "viewers":
                headers["Content-Security-Policy"] = FRAMED_POLICY
            return Response(thing.content, media_type=MEDIA_TYPES[thing.kind], headers=headers)

        return Route(f"/{kind}/{{token}}", give)

    return [endpoint(kind) for kind in MEDIA_TYPES]
