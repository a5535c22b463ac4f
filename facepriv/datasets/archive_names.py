"""Names of entries in archives that do not say which encoding they are in.

A zip marks names in UTF-8 by a flag (APPNOTE.TXT of PKWARE, appendix D); without it they are in whatever code page the
packing system had. Strict UTF-8 is tried first, since other text hardly ever passes for it; then the code page under
which all names are words.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath

from facepriv.errors import BadInputError

CODE_PAGES: dict[str, str] = {
    "cp437": "DOS, United States",
    "cp850": "DOS, Western Europe",
    "cp1252": "Windows, Western Europe",
    "cp852": "DOS, Central Europe",
    "cp1250": "Windows, Central Europe",
    "cp932": "Shift-JIS, Japanese",
    "gbk": "GBK, simplified Chinese",
    "cp949": "Korean",
    "big5": "Big5, traditional Chinese",
    "cp866": "DOS, Cyrillic",
    "cp1251": "Windows, Cyrillic",
    "cp737": "DOS, Greek",
    "cp1253": "Windows, Greek",
    "cp857": "DOS, Turkish",
    "cp1254": "Windows, Turkish",
    "cp862": "DOS, Hebrew",
    "cp1255": "Windows, Hebrew",
    "cp1256": "Windows, Arabic",
    "cp874": "Thai",
    "cp1258": "Windows, Vietnamese",
}
"""Code pages that archives are packed with, in the order in which equally good ones are taken."""
_COMMON_HAN = frozenset(
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡林郭何高罗羅郑鄭梁谢謝宋唐许許邓鄧韩韓冯馮曹彭曾肖田董潘袁蔡蒋"
    "蔣余于杜叶葉程魏苏蘇吕呂丁任卢盧姚沈钟鍾姜崔谭譚陆陸范汪廖石金贾賈韦韋夏付方邹鄒熊白孟秦邱江阎閻薛侯雷龙龍段郝"
    "孔邵史毛常万萬顾顧赖賴武康贺賀严嚴尹钱錢施牛洪龚龔伟偉芳娜秀英敏静靜丽麗强強磊军軍洋勇艳艷杰傑娟涛濤明超霞平刚"
    "剛桂文华華玲建国國春梅红紅佳淑美惠雅婷山田中佐藤鈴木高橋伊渡辺加松本井上村小川池島森阿部斉内原藤太郎花子一二三"
    "男女顔写真画像人物名前照片图圖像人脸臉男性女性学生學"
)
"""Characters of the commonest names, and of words for faces and photos, in Chinese and Japanese."""
_COMMON_HANGUL = frozenset(
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허남심노하곽성차주우구민나진지수영현준은미경혜선희연사자"
    "얼굴남여동아"
)
"""The same in Korean."""
_USUAL_LEADS = {"cp932": (0x88, 0x97), "gbk": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "cp949": (0xB0, 0xC8)}
"""First bytes of the usual characters: the first levels of JIS X 0208, GB 2312 and Big5, the syllables of KS X 1001."""


def choose_encoding(names: Sequence[bytes], texts: Sequence[bytes] = ()) -> str:
    """Return the encoding that names are most likely in: ``utf-8`` or a name among `CODE_PAGES`.

    ``names`` are those with bytes above 127. ``texts`` are tables beside them, which may write the same names.
    """
    if all(_decode(name, "utf-8") is not None for name in names):
        return "utf-8"
    distinct = tuple(dict.fromkeys(part for name in names for part in name.replace(b"\\", b"/").split(b"/")))
    foreign = [part for part in distinct if not part.isascii()][:500]
    costs = {page: _cost(foreign, page) - _matches(foreign, page, texts) for page in CODE_PAGES}
    return min(costs, key=lambda page: costs[page])  # of equal ones the first


def check_encoding(encoding: str) -> str:
    """Return the name of an encoding that Python knows; raises BadInputError with code ``bad-name-encoding``."""
    try:
        info = codecs.lookup(encoding.strip())
        "a".encode(info.name).decode(info.name)
    except (LookupError, UnicodeError, ValueError) as error:
        raise BadInputError(
            f"The encoding {encoding!r} is not known; write utf-8 or a code page such as {', '.join(CODE_PAGES)}.",
            code="bad-name-encoding",
        ) from error
    return info.name


def describe_encoding(encoding: str) -> str:
    """Return an encoding's name with what it is used for."""
    return f"{encoding} ({CODE_PAGES[encoding]})" if encoding in CODE_PAGES else encoding.upper()


def _decode(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def _cost(parts: Sequence[bytes], page: str) -> float:
    """Return how unlike words the parts of names are under a code page; 0 for words of one language."""
    return sum(100.0 if (text := _decode(part, page)) is None else _oddness(text, page) for part in parts)


def _oddness(text: str, page: str) -> float:
    cost = 0.0
    before = ""
    word: list[str] = []
    for char in [*text, " "]:
        script = _script(char)
        if not char.isascii() and script == "":
            cost += 4 if unicodedata.category(char)[0] in "CSZ" or before else 1
        if script and before and script != before:
            cost += 2
        if script:
            word.append(char)
        elif word:
            cost += _oddness_of_word("".join(word), page)
            word = []
        before = script
    return cost


@cache
def _script(char: str) -> str:
    """Return the script of a letter; empty for what is none."""
    if unicodedata.category(char)[0] not in "LM":
        return ""
    first = unicodedata.name(char, "?").split()[0]
    if first in ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"):
        return "east"
    return {"COMBINING": "latin", "FEMININE": "odd", "MASCULINE": "odd", "MICRO": "odd"}.get(first, first.casefold())


def _oddness_of_word(word: str, page: str) -> float:
    foreign = [char for char in word if not char.isascii()]
    if not foreign:
        return 0.0
    cost = 0.0
    # Within words capitals come first, or everywhere.
    for place in range(1, len(word)):
        following = word[place + 1 : place + 2]
        odd_case = word[place].isupper() and (word[place - 1].islower() or following.islower())
        cost += 0.5 * (odd_case and not (word[place].isascii() and word[place - 1].isascii()))
    script = _script(foreign[0])
    if script == "latin":
        # In languages written with Latin letters, most letters of a word are plain.
        cost += 0.5 * len(foreign) * (2 * len(foreign) > len(word) and len(word) > 1)
        # In place of the letters of Iceland, the Turkish code pages have Turkish ones, which are met more often.
        cost += 0.3 * sum(char in "þðÞÐýÝ" for char in word) * (page in ("cp1252", "cp850"))
    elif script in ("cyrillic", "greek"):
        # Every word has a vowel and, in Greek small letters, an accent.
        vowels = "аеёиоуыэюяіїє" if script == "cyrillic" else "άέήίόύώϊϋΐΰ" if word.islower() else "αεηιουωάέήίόύώ"
        cost += 0.5 * (len(word) > 1 and not any(char in vowels for char in word.casefold()))
    elif script in ("east", "hangul"):
        cost += sum(_rarity(char, page) for char in word)
    elif script == "halfwidth":
        cost += 0.5 * len(foreign)
    return cost


def _rarity(char: str, page: str) -> float:
    """Return how rare a character of East Asia is: negative for those that names are made of."""
    if char in _COMMON_HAN or char in _COMMON_HANGUL:
        return -0.5
    if "\u3040" <= char <= "\u30ff":
        return -0.25
    try:
        lead = char.encode(page)[0]
    except UnicodeEncodeError:
        return 1.0
    usual = {"cp932": (0x88, 0x97), "gbk": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "cp949": (0xB0, 0xC8)}.get(
        page, (0, 255)
    )
    return 0.0 if usual[0] <= lead <= usual[1] else 1.0


def _matches(parts: Sequence[bytes], page: str, texts: Sequence[bytes]) -> float:
    """Count the names that a table beside them writes, too."""
    # A table in the same code page would match under any: only one that says what it writes tells something.
    tried = [_decode(raw, "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig") for raw in texts]
    readable = [text for text in tried if text is not None]
    found = 0
    for part in parts:
        name = _decode(part, page)
        if name is not None:
            stem = PurePosixPath(unicodedata.normalize("NFC", name)).stem
            found += any(stem in text for text in readable)
    return 5.0 * found
