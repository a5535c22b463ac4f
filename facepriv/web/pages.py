"""Pages that the server itself writes: sign-in, sign-out, passphrase of a link, refusals."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

_HERE = Path(__file__).parent
NO_STORE = {"Cache-Control": "no-store"}
FORM_BYTES = 8192
"""Most bytes of a form that is read."""

ASSETS = _HERE / "assets"
assets = Mount("/assets", StaticFiles(directory=ASSETS), name="assets")
"""Style sheets and scripts of these pages, for everybody."""


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """Render one of the templates, with every value as text."""
    text: str = _environment().get_template(template).render(**values)
    return text


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page from a template, which no cache stores."""
    return HTMLResponse(render(template, **values), status_code=status, headers=NO_STORE)


def form_page(template: str, *, problem: str = "", wait: int | None = None, **values: Any) -> HTMLResponse:
    """Return a page with a form: 401 if what was sent has a problem, 429 if its sender has to wait so many seconds."""
    answer = page(template, status=200 if not problem else 401 if wait is None else 429, problem=problem, **values)
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    return answer


def message(title: str, sentence: str, *, status: int, home: bool = False) -> HTMLResponse:
    """Return a page with one sentence, and with ``home`` a link to the shared results."""
    return page("message.html.j2", status=status, title=title, sentence=sentence, home=home)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a small form; none if it is larger or no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES:
            return {}
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
