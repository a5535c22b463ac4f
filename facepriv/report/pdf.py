"""Print a report as PDF by a Chromium or Chrome of this machine, with page numbers and bookmarks."""

from __future__ import annotations

import asyncio
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

from facepriv.errors import ModelUnavailableError
from facepriv.exported_files import open_private

PATIENCE = 120
"""Seconds until a browser that does not answer is given up."""
PRINTING = {
    "printBackground": True,
    "preferCSSPageSize": True,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
}


def to_pdf(html: str) -> bytes:
    """Return a report's page as PDF: A4, in light colours, whatever the theme.

    Raise ModelUnavailableError if there is no browser, or it does not print.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "report.html")
            with open_private(page, encoding="utf-8") as stream:
                stream.write(html)
            return asyncio.run(asyncio.wait_for(_print(page), PATIENCE))
    except Exception as error:  # the browser's errors and those of the package that drives it share no base class
        raise ModelUnavailableError(
            f"Writing a PDF needs Chromium or Chrome, which did not print ({type(error).__name__}). Install one, or "
            "set BROWSER_PATH; or write the report with --html and print that from any browser."
        ) from error


async def _print(page: Path) -> bytes:
    from choreographer import Browser

    async with Browser(headless=True) as browser:
        tab = await browser.create_tab("")
        loaded = tab.subscribe_once("Page.loadEventFired")
        await _ask(tab, "Page.enable")
        await _ask(tab, "Page.navigate", {"url": page.as_uri()})
        await loaded
        answer = await _ask(tab, "Page.printToPDF", PRINTING)
        return b64decode(answer["data"])


async def _ask(tab: Any, command: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await tab.send_command(command, params)
    if "error" in answer:
        raise RuntimeError(f"{command}: {answer['error']}")
    result: dict[str, Any] = answer["result"]
    return result
