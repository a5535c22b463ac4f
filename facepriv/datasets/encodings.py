"""The encoding of a text file, told by its mark or found out by its bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from facepriv.datasets.languages import WORD_LANGUAGES
from facepriv.errors import BadInputError

_MARKS: tuple[tuple[bytes, str, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_UNMARKED = (("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32-le", "UTF-32"), ("utf-32-be", "UTF-32"))
CODE_PAGES: dict[str, str] = {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp932": "Shift-JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "EUC-KR (Korean)",
    "koi8_r": "KOI8-R (Cyrillic)",
    "mac_roman": "Mac Roman",
    "cp850": "DOS 850",
}
"""Encodings besides Unicode's, by Python's name for them."""
_SAMPLE = 1 << 16
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Encoding:
    """How a file is read as text."""

    codec: str
    sentence: str = ""
    """What to tell of it; empty for UTF-8."""
    skip: int = 0
    """Bytes of a wrong mark before the text."""


@contextmanager
def opened_text(path: Path, encoding: Encoding) -> Iterator[TextIO]:
    """Open a file as text; any line break counts."""
    with path.open("rb") as raw:
        raw.seek(encoding.skip)
        with TextIOWrapper(raw, encoding=encoding.codec, newline=None) as text:
            yield text


def detect_encoding(path: Path) -> Encoding:
    """Find out how a file is read as text; its bytes are read once, as a stream.

    Raises BadInputError with code ``unreadable``, ``empty-labels`` or ``not-text``.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path.name, error) from error
    return _detect(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _detect(path: Path, size: int, changed: int) -> Encoding:
    """As `detect_encoding`, once for a file that does not change."""
    try:
        with path.open("rb") as file:
            start = file.read(_SAMPLE)
            if not start.strip():
                raise BadInputError(
                    f"{path.name} is empty; a table with a header such as file,subject,gender was expected.",
                    code="empty-labels",
                )
        marked = next(((codec, name) for mark, codec, name in _MARKS if start.startswith(mark)), None)
        if marked is not None:
            return _unicode(path, *marked)
        if b"\0" in start:
            found = next((pair for pair in _UNMARKED if _reads_as(start, pair[0])), None)
            if found is None:
                raise _not_text(path.name)
            encoding = _unicode(path, *found)
            return Encoding(encoding.codec, f"{path.name} was read as {found[1]}, which it does not say that it is.")
        odd = _lines_beyond_utf8(path)
        if odd is None:
            return Encoding("utf-8-sig")
        return _code_page(path, odd, marked=start.startswith(codecs.BOM_UTF8))
    except OSError as error:
        raise unreadable(path.name, error) from error


def unreadable(name: str, error: OSError) -> BadInputError:
    """Return that a file cannot be read at all, as an error of one sentence with code ``unreadable``."""
    return BadInputError(
        f"{name} cannot be read ({error.strerror or error}); check that it is a file and may be read.",
        code="unreadable",
    )


def guess_code_page(samples: Sequence[bytes]) -> str | None:
    """Return the code page in which these texts are most likely; None if none decodes them all.

    One under which a known word of gender appears goes first, then what `charset_normalizer` finds most likely for
    longer texts, then Windows-1252, the first of `CODE_PAGES` that decodes them.
    """
    decoded: dict[str, str] = {}
    for codec in CODE_PAGES:
        with suppress(UnicodeDecodeError):
            decoded[codec] = "\n".join(sample.decode(codec) for sample in samples)
    if not decoded:
        return None
    known = {codec: _known_words(text) for codec, text in decoded.items()}
    best = max(known.values())
    if best:
        return next(codec for codec, words in known.items() if words == best)
    from charset_normalizer import from_bytes

    raw = b"\n".join(samples)
    if sum(byte > 127 for byte in raw) >= _ENOUGH:
        likely = from_bytes(raw, cp_isolation=list(decoded)).best()
        if likely is not None and likely.encoding in decoded and likely.coherence > 0:
            return likely.encoding
    if "cp1252" in decoded:
        return "cp1252"
    printable = [codec for codec, text in decoded.items() if _is_clean(text) and sum(byte > 127 for byte in raw) > 3]
    return next(iter(printable), None)


_ENOUGH = 24
"""Bytes beyond ASCII from which the statistics of a language tell something."""


def _known_words(text: str) -> int:
    words = {word.strip(" \t\r\n\"'.").casefold() for word in _split(text)}
    return sum(not word.isascii() and word in WORD_LANGUAGES for word in words)


def _split(text: str) -> list[str]:
    for delimiter in ",;\t|\r":
        text = text.replace(delimiter, "\n")
    return text.split("\n")


def _is_clean(text: str) -> bool:
    return all(char.isprintable() or char in "\t\r\n\u3000" for char in text)


def _unicode(path: Path, codec: str, name: str) -> Encoding:
    """Make sure that a file is text in an encoding of Unicode."""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if "\0" in decoder.decode(chunk):
                    raise _not_text(path.name)
            decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise _not_text(path.name) from error
    return Encoding(codec, f"{path.name} is not UTF-8 and was read as {name}; check names with accents.")


def _reads_as(start: bytes, codec: str) -> bool:
    width = 4 if "32" in codec else 2
    whole = start[: len(start) - len(start) % width]
    try:
        text = whole.decode(codec)
    except UnicodeDecodeError as error:
        # The last character of a part may be cut in two.
        if error.start < len(whole) - width:
            return False
        text = whole[: error.start].decode(codec)
    plain = sum(char.isascii() for char in text)
    return "\0" not in text and "\n" in text and any(d in text for d in ",;\t|") and 4 * plain >= len(text)


def _lines_beyond_utf8(path: Path) -> list[bytes] | None:
    """Return some lines that are no UTF-8; None if the whole file is."""
    odd: list[bytes] = []
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise _not_text(path.name)
            rest += chunk
            cut = rest.rfind(b"\n") + 1
            if not cut and len(rest) <= 8 * _CHUNK:
                continue
            part, rest = rest[: cut or None], rest[cut:] if cut else b""
            _collect_odd(part, odd)
            if len(odd) >= _MOST_ODD:
                return odd
    _collect_odd(rest, odd)
    return odd or None


_MOST_ODD = 400


def _collect_odd(part: bytes, odd: list[bytes]) -> None:
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        for line in part.split(b"\n"):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                odd.append(line.strip(b"\r"))


def _code_page(path: Path, odd: list[bytes], *, marked: bool) -> Encoding:
    # A mark of UTF-8 on a file that is none is not part of its text.
    codec = guess_code_page([line.removeprefix(codecs.BOM_UTF8) for line in odd])
    if codec is None or not _decodes(path, codec, marked=marked):
        raise _not_text(path.name)
    claim = ", though its mark says so," if marked else ""
    return Encoding(
        codec,
        f"{path.name} is not UTF-8{claim} and was read as {CODE_PAGES[codec]}; check names with accents.",
        len(codecs.BOM_UTF8) if marked else 0,
    )


def _decodes(path: Path, codec: str, *, marked: bool) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        with path.open("rb") as file:
            file.seek(len(codecs.BOM_UTF8) if marked else 0)
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _not_text(name: str) -> BadInputError:
    return BadInputError(f"{name} is not a text file; save the label table as CSV in UTF-8.", code="not-text")
