"""Routes by which a browser fetches the blobs that a page saved for its user."""

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
"""Headers of every answer, refusals too: no cache keeps a face, no other site embeds one."""


def blob_routes(blob_cache: BlobCache = BLOBS) -> list[Route]:
    """Return the routes ``/pictures/…``, ``/viewers/…`` and ``/downloads/…``.

    They answer an auditor with the blobs saved for them. For everything else, unknown, old or another user's, the
    answer is the same 404.
    """

    def endpoint(kind: Kind) -> Route:
        async def answer(request: Request) -> Response:
            identity = get_identity(request.scope)
            blob = None
            if identity is not None and identity.role == "auditor":
                blob = blob_cache.get(kind, request.path_params["token"], identity.holder)
            if blob is None:
                return PlainTextResponse("There is nothing here.", status_code=404, headers=PRIVATE)
            headers = dict(PRIVATE)
            if blob.kind == "downloads":
                headers["Content-Disposition"] = f'attachment; filename="{blob.file_name}"'
            if blob.kind == "viewers":
                headers["Content-Security-Policy"] = FRAMED_POLICY
            return Response(blob.content, media_type=MEDIA_TYPES[blob.kind], headers=headers)

        return Route(f"/{kind}/{{token}}", answer)

    return [endpoint(kind) for kind in MEDIA_TYPES]
