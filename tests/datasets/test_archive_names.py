"""Names in archives that do not say their encoding."""

from __future__ import annotations

import pytest

from facepriv.datasets.archive_names import CODE_PAGES, check_encoding, choose_encoding
from facepriv.errors import BadInputError

NAMES = {
    "utf-8": ["Jürgen_1.jpg", "山田太郎/1.jpg", "Анна.jpg"],
    "cp437": ["Jürgen_1.jpg", "Zoë__1.jpg"],
    "cp850": ["Jürgen", "José", "Conceição"],
    "cp1252": ["Jürgen", "Zoë__1.jpg", "François"],
    "cp852": ["Łukasz Dąbrowski", "Žofie"],
    "cp1250": ["Łukasz Dąbrowski", "Žofie", "Jiří"],
    "cp932": ["顔写真/山田太郎/画像1.jpg", "田中花子/1.jpg"],
    "gbk": ["王芳/1.jpg", "张伟/2.jpg", "李娜/照片.jpg"],
    "cp949": ["김민수/1.jpg", "이영희/사진.jpg"],
    "big5": ["陳怡君/1.jpg", "林志豪/1.jpg"],
    "cp866": ["Иван Петров/1.jpg", "Анна/фото.jpg"],
    "cp1251": ["Иван Петров/1.jpg", "Анна/фото.jpg"],
    "cp737": ["Γιώργος", "Μαρία"],
    "cp1253": ["Γιώργος", "Μαρία"],
    "cp857": ["Ayşe", "Çağrı", "İbrahim"],
    "cp862": ["דוד", "רחל"],
    "cp1255": ["דוד", "רחל"],
    "cp1256": ["محمد", "فاطمة"],
    "cp874": ["สมชาย", "สมหญิง"],
}


@pytest.mark.parametrize("encoding", NAMES)
def test_the_code_page_under_which_all_names_are_words(encoding: str) -> None:
    raw = [name.encode(encoding) for name in NAMES[encoding]]
    chosen = choose_encoding(raw)
    assert [name.decode(chosen) for name in raw] == NAMES[encoding]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("山田", "cp932"), ("さくら", "cp932"), ("王丽", "gbk"), ("김철수", "cp949"), ("Ольга", "cp1251")],
)
def test_one_name_alone(name: str, encoding: str) -> None:
    assert name.encode(encoding).decode(choose_encoding([name.encode(encoding)])) == name


def test_a_table_beside_the_names_decides() -> None:
    """АННА in capitals passes for Chinese."""
    raw = ["АННА.jpg".encode("cp1251")]
    assert choose_encoding(raw, ["file,gender\nАННА.jpg,f\n".encode()]) == "cp1251"
    assert choose_encoding(raw, ["file,gender\nАННА.jpg,f\n".encode("utf-16")]) == "cp1251"


def test_encodings_are_checked() -> None:
    assert check_encoding(" Shift_JIS ") == "shift_jis"
    for encoding in ("klingon", "", "base64", "rot13"):
        with pytest.raises(BadInputError) as caught:
            check_encoding(encoding)
        assert caught.value.code == "bad-name-encoding"
    assert all(check_encoding(page) for page in CODE_PAGES)
