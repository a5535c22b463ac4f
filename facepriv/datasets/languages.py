"""Words in the languages that tables and folders are written in: for the two genders, for nothing, for columns.

The languages are the fifteen that most web sites are written in (W3Techs, Usage of content languages for websites),
and some more. A word stands in the form in which tables have it, with its plural and the words for children; spellings
without accents are derived. No word means one gender in one language and the other in another, which a test checks;
letters do, so that a letter counts only where all letters of a column are one pair of one language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from facepriv.types import FEMALE, MALE

ColumnRole = Literal["file", "subject", "gender", "age", "race"]


@dataclass(frozen=True)
class Language:
    """Words of one language, parted by commas."""

    name: str
    male: str
    female: str
    letters: tuple[str, ...] = ()
    """Pairs of the letter for male and the letter for female."""
    unknown: str = ""
    columns: dict[ColumnRole, str] = field(default_factory=dict)
    common: bool = True
    """Whether a letter that stands alone in a column may be read by this language."""


LANGUAGES: tuple[Language, ...] = (
    Language(
        "English",
        "male, males, man, men, boy, boys, masculine, masc, gentleman, gentlemen",
        "female, females, woman, women, girl, girls, feminine, fem, lady, ladies",
        ("m f", "m w", "b g"),
        "unknown, unlabelled, unlabeled, none, null, nil, nan, na, n/a, n.a., not available, not applicable, "
        "not known, not stated, not specified, unspecified, undefined, undetermined, unsure, missing, blank, empty, "
        "other/unknown, <na>, #n/a, (blank), (null), tbd, prefer not to say",
        {
            "file": "file, filename, file_name, image, image_file, image_id, image_name, image_path, img, img_path, "
            "img_name, path, file_path, filepath, full_path",
            "subject": "subject, subject_id, identity, identity_id, person, person_id, celeb_id, participant, "
            "participant_id, user_id, id, name",
            "gender": "gender, sex, label, gender_label, male, is_male",
            "age": "age, age_years, age_group, age_range",
            "race": "race, ethnicity, ethnic_group",
        },
    ),
    Language(
        "Spanish",
        "hombre, hombres, varón, varones, masculino, masculinos, masculina, niño, niños, chico, chicos, muchacho, "
        "muchachos, caballero, caballeros",
        "mujer, mujeres, femenino, femeninos, femenina, femeninas, niña, niñas, chica, chicas, muchacha, muchachas, "
        "hembra, hembras, dama, damas",
        ("h m", "m f"),
        "desconocido, desconocida, ninguno, ninguna, sin datos, no disponible, no especificado, s/d, n/d",
        {
            "file": "archivo, fichero, imagen, foto, ruta, nombre_archivo, nombre_de_archivo",
            "subject": "sujeto, persona, identidad",
            "gender": "sexo, género, genero",
            "age": "edad",
            "race": "raza, etnia",
        },
    ),
    Language(
        "German",
        "mann, männer, maenner, männlich, maennlich, junge, jungen, jungs, bub, buben, knabe, knaben, herr, herren",
        "frau, frauen, weiblich, mädchen, maedchen, dame, damen",
        ("m w", "m f"),
        "unbekannt, keine, keine angabe, k.a., k. a., ohne angabe, unklar",
        {
            "file": "datei, dateiname, bild, bilddatei, foto, pfad",
            "subject": "proband, probanden_id, person, versuchsperson, personen_id",
            "gender": "geschlecht",
            "age": "alter, altersgruppe",
            "race": "ethnie, herkunft",
        },
    ),
    Language(
        "Japanese",
        "男, 男性, 男子, 男の子, 男児, オス",
        "女, 女性, 女子, 女の子, 女児, メス",
        ("男 女",),
        "不明, 未知, なし, 無し, 無, 該当なし, 未回答",
        {
            "file": "ファイル, ファイル名, 画像, 画像名, 写真, パス",
            "subject": "被験者, 被験者番号, 人物, 人物id, 氏名, 名前",
            "gender": "性別",
            "age": "年齢, 年代",
            "race": "人種",
        },
    ),
    Language(
        "French",
        "homme, hommes, masculin, masculins, garçon, garçons, mâle, mâles, monsieur, messieurs",
        "femme, femmes, féminin, féminins, féminine, féminines, fille, filles, fillette, fillettes, femelle, madame",
        ("h f", "m f"),
        "inconnu, inconnue, aucun, aucune, non renseigné, non précisé, n.c., nc, n/c",
        {
            "file": "fichier, nom_de_fichier, nom_fichier, image, chemin",
            "subject": "sujet, personne, identité, identifiant",
            "gender": "sexe, genre",
            "age": "âge, age, tranche_d_âge",
            "race": "ethnie, origine",
        },
    ),
    Language(
        "Portuguese",
        "homem, homens, masculino, masculina, menino, meninos, rapaz, rapazes, garoto, garotos, senhor",
        "mulher, mulheres, feminino, femininos, feminina, menina, meninas, moça, moças, rapariga, raparigas, garota, "
        "garotas, senhora",
        ("h m", "m f"),
        "desconhecido, desconhecida, nenhum, nenhuma, não informado, nao informado, sem informação",
        {
            "file": "arquivo, ficheiro, imagem, foto, caminho, nome_do_arquivo, nome_arquivo",
            "subject": "sujeito, pessoa, identidade",
            "gender": "sexo, gênero, género, genero",
            "age": "idade, faixa_etária",
            "race": "raça, etnia",
        },
    ),
    Language(
        "Russian",
        "мужчина, мужчины, мужской, мужская, мужское, муж, мальчик, мальчики, парень, парни, юноша, юноши",
        "женщина, женщины, женский, женская, женское, жен, девочка, девочки, девушка, девушки",
        ("м ж",),
        "неизвестно, неизвестный, неизвестна, нет, нет данных, не указан, не указано, н/д",
        {
            "file": "файл, имя_файла, изображение, фото, фотография, путь",
            "subject": "субъект, человек, персона, имя, фио, участник",
            "gender": "пол",
            "age": "возраст",
            "race": "раса, этнос",
        },
    ),
    Language(
        "Italian",
        "maschio, maschi, maschile, uomo, uomini, ragazzo, ragazzi, bambino, bambini",
        "femmina, femmine, femminile, donna, donne, ragazza, ragazze, bambina, bambine",
        ("m f", "u d"),
        "sconosciuto, sconosciuta, ignoto, ignota, nessuno, nessuna, non noto, non disponibile",
        {
            "file": "file, nome_file, immagine, foto, percorso",
            "subject": "soggetto, persona, identità, nome",
            "gender": "sesso, genere",
            "age": "età, eta",
            "race": "razza, etnia",
        },
    ),
    Language(
        "Dutch",
        "man, mannen, mannelijk, jongen, jongens, heer, heren",
        "vrouw, vrouwen, vrouwelijk, meisje, meisjes, dame, dames",
        ("m v",),
        "onbekend, geen, niet bekend, n.v.t.",
        {
            "file": "bestand, bestandsnaam, afbeelding, foto",
            "subject": "persoon, proefpersoon",
            "gender": "geslacht",
            "age": "leeftijd",
            "race": "etniciteit, ras",
        },
    ),
    Language(
        "Polish",
        "mężczyzna, mężczyźni, męski, męska, męskie, chłopiec, chłopcy, chłopak, chłopaki",
        "kobieta, kobiety, żeński, żeńska, żeńskie, dziewczyna, dziewczyny, dziewczynka, dziewczynki",
        ("m k", "m ż"),
        "nieznany, nieznana, nieznane, brak, brak danych, nie podano",
        {
            "file": "plik, nazwa_pliku, obraz, zdjęcie, ścieżka",
            "subject": "osoba, uczestnik, imię",
            "gender": "płeć",
            "age": "wiek",
            "race": "rasa",
        },
    ),
    Language(
        "Turkish",
        "erkek, erkekler, bay, baylar, oğlan, erkek çocuk",
        "kadın, kadınlar, bayan, bayanlar, kız, kızlar, kız çocuk, kız çocuğu",
        ("e k",),
        "bilinmiyor, bilinmeyen, yok, belirtilmemiş",
        {
            "file": "dosya, dosya_adı, resim, görüntü, fotoğraf",
            "subject": "kişi, denek, isim, ad_soyad",
            "gender": "cinsiyet",
            "age": "yaş",
            "race": "ırk",
        },
    ),
    Language(
        "Chinese",
        "男, 男性, 男人, 男士, 男生, 男孩, 男童, 男子",
        "女, 女性, 女人, 女士, 女生, 女孩, 女童, 女子",
        ("男 女",),
        "未知, 不详, 不明, 无, 無, 没有, 未填, 空",
        {
            "file": "文件, 文件名, 檔案, 檔名, 图片, 圖片, 图像, 图像名, 照片, 路径",
            "subject": "人物, 被试, 姓名, 身份, 编号",
            "gender": "性别, 性別",
            "age": "年龄, 年齡",
            "race": "种族, 種族, 民族",
        },
    ),
    Language(
        "Persian",
        "مرد, مردان, مردانه, مذکر, آقا, آقایان, پسر, پسران",
        "زن, زنان, زنانه, مونث, مؤنث, خانم, خانم‌ها, دختر, دختران",
        (),
        "نامشخص, ناشناس, نامعلوم, هیچ",
        {
            "file": "فایل, نام فایل, تصویر, عکس",
            "subject": "شخص, فرد, نام",
            "gender": "جنسیت, جنس",
            "age": "سن",
            "race": "نژاد",
        },
    ),
    Language(
        "Vietnamese",
        "nam, nam giới, đàn ông, con trai, bé trai, trai",
        "nữ, nữ giới, phụ nữ, đàn bà, con gái, bé gái, gái",
        (),
        "không rõ, không biết, không có",
        {
            "file": "tệp, tên tệp, ảnh, hình ảnh, đường dẫn",
            "subject": "người, họ tên, tên",
            "gender": "giới tính",
            "age": "tuổi",
            "race": "chủng tộc",
        },
    ),
    Language(
        "Czech",
        "muž, muži, mužský, mužská, mužské, chlapec, chlapci, kluk, kluci, hoch, hoši",
        "žena, ženy, ženský, ženská, ženské, dívka, dívky, holka, holky",
        ("m ž",),
        "neznámý, neznámá, neznámé, žádný, neuvedeno",
        {
            "file": "soubor, název_souboru, obrázek, snímek, fotka, cesta",
            "subject": "osoba, jméno",
            "gender": "pohlaví",
            "age": "věk",
            "race": "rasa",
        },
    ),
    Language(
        "Indonesian",
        "pria, laki-laki, laki laki, laki, lelaki, cowok, anak laki-laki",
        "wanita, perempuan, cewek, gadis, anak perempuan",
        ("l p", "p w"),
        "tidak diketahui, tidak ada, kosong",
        {
            "file": "berkas, nama_berkas, nama_file, gambar, foto",
            "subject": "orang, subjek, nama",
            "gender": "jenis kelamin, kelamin, gender",
            "age": "umur, usia",
            "race": "ras, suku",
        },
        common=False,
    ),
    Language(
        "Korean",
        "남, 남자, 남성, 소년, 남아, 남학생",
        "여, 여자, 여성, 소녀, 여아, 여학생",
        ("남 여",),
        "미상, 없음, 알 수 없음, 모름",
        {
            "file": "파일, 파일명, 파일 이름, 이미지, 사진, 경로",
            "subject": "피험자, 사람, 이름, 성명",
            "gender": "성별",
            "age": "나이, 연령",
            "race": "인종",
        },
    ),
    Language(
        "Arabic",
        "ذكر, ذكور, رجل, رجال, ولد, أولاد, صبي, صبيان, شاب",
        "أنثى, إناث, امرأة, نساء, بنت, بنات, فتاة, فتيات, سيدة, سيدات",
        (),
        "غير معروف, مجهول, لا يوجد, غير محدد",
        {
            "file": "ملف, اسم الملف, صورة",
            "subject": "شخص, الشخص, الاسم",
            "gender": "الجنس, جنس, النوع",
            "age": "العمر, عمر",
            "race": "العرق",
        },
    ),
    Language(
        "Ukrainian",
        "чоловік, чоловіки, чоловічий, чоловіча, хлопець, хлопці, хлопчик, хлопчики",
        "жінка, жінки, жіночий, жіноча, дівчина, дівчата, дівчинка",
        ("ч ж",),
        "невідомо, невідомий, немає, не вказано",
        {"file": "файл", "subject": "особа, людина", "gender": "стать", "age": "вік"},
    ),
    Language(
        "Hungarian",
        "férfi, férfiak, fiú, fiúk, hímnemű",
        "nő, nők, női, lány, lányok, leány",
        ("f n",),
        "ismeretlen, nincs adat, nincs",
        {"file": "fájl, fájlnév, kép", "subject": "személy, név", "gender": "nem, neme", "age": "életkor"},
        common=False,
    ),
    Language(
        "Swedish",
        "man, män, manlig, manligt, pojke, pojkar, kille, killar, herr, herrar",
        "kvinna, kvinnor, kvinnlig, kvinnligt, flicka, flickor, tjej, tjejer, dam, damer",
        ("m k",),
        "okänd, okänt, saknas, ej angivet",
        {"file": "filnamn, bild", "subject": "person, försöksperson", "gender": "kön", "age": "ålder"},
    ),
    Language(
        "Danish and Norwegian",
        "mand, mænd, mandlig, dreng, drenge, mann, menn, mannlig, gutt, gutter",
        "kvinde, kvinder, kvindelig, pige, piger, kvinne, kvinner, kvinnelig, jente, jenter",
        ("m k",),
        "ukendt, ukjent, ingen, ikke oplyst, ikke oppgitt",
        {"file": "filnavn, billede, bilde", "subject": "forsøgsperson", "gender": "køn, kjønn", "age": "alder"},
    ),
    Language(
        "Finnish",
        "mies, miehet, miespuolinen, poika, pojat",
        "nainen, naiset, naispuolinen, tyttö, tytöt",
        ("m n",),
        "tuntematon, ei tiedossa, puuttuu",
        {"file": "tiedosto, tiedostonimi, kuva", "subject": "henkilö", "gender": "sukupuoli", "age": "ikä"},
        common=False,
    ),
    Language(
        "Greek",
        "άνδρας, άντρας, άνδρες, άντρες, άρρεν, αρσενικό, αγόρι, αγόρια",
        "γυναίκα, γυναίκες, θήλυ, θηλυκό, κορίτσι, κορίτσια",
        ("α γ", "α θ", "ά γ", "ά θ"),
        "άγνωστο, άγνωστος, κανένα",
        {"file": "αρχείο, εικόνα", "subject": "άτομο, όνομα", "gender": "φύλο", "age": "ηλικία"},
    ),
    Language(
        "Romanian",
        "bărbat, bărbați, bărbătesc, masculin, băiat, băieți",
        "femeie, femei, feminin, fată, fete",
        ("b f", "m f"),
        "necunoscut, necunoscută, lipsă",
        {"file": "fișier, imagine", "subject": "persoană, subiect", "gender": "sex, gen", "age": "vârstă"},
        common=False,
    ),
    Language(
        "Hebrew",
        "זכר, גבר, גברים, בן, בנים, ילד",
        "נקבה, אישה, אשה, נשים, בת, בנות, ילדה",
        ("ז נ",),
        "לא ידוע, אין",
        {"file": "קובץ, תמונה", "subject": "אדם, שם", "gender": "מין, מגדר", "age": "גיל"},
    ),
    Language(
        "Hindi",
        "पुरुष, आदमी, मर्द, लड़का, लड़के",
        "महिला, स्त्री, औरत, लड़की, लड़कियाँ",
        (),
        "अज्ञात, कोई नहीं",
        {"file": "फ़ाइल, चित्र", "subject": "व्यक्ति, नाम", "gender": "लिंग", "age": "आयु, उम्र"},
    ),
    Language(
        "Thai",
        "ชาย, ผู้ชาย, เพศชาย, เด็กชาย",
        "หญิง, ผู้หญิง, เพศหญิง, เด็กหญิง",
        (),
        "ไม่ทราบ, ไม่ระบุ",
        {"file": "ไฟล์, รูปภาพ", "subject": "บุคคล, ชื่อ", "gender": "เพศ", "age": "อายุ"},
    ),
)

_SHORTEST_WITHOUT_ACCENTS = 4
"""Letters from which a word is also known without its accents; of shorter ones too many are other words."""
_UNDECOMPOSED = str.maketrans({"ı": "i", "ł": "l", "đ": "d", "ø": "o", "æ": "ae"})
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufe00-\ufe0f]")
_SIGNS_OF_NOTHING = frozenset(["", "?", "??", "???", "-", "--", "---", "–", "—", ".", "..", "...", "_", "/", "\\", "*"])


def fold_word(text: str) -> str:
    """Return a word so that its spellings are equal: case, width, composed letters, spaces, invisible characters."""
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return unicodedata.normalize("NFC", " ".join(folded.split()))


def visible(text: str) -> str:
    """Return a text without invisible characters and without spaces around it."""
    return _INVISIBLE.sub("", text).strip()


def strip_accents(word: str) -> str:
    """Return a folded word without accents."""
    parts = unicodedata.normalize("NFKD", word.translate(_UNDECOMPOSED))
    return "".join(char for char in parts if not unicodedata.combining(char))


def _words(text: str) -> list[str]:
    return [word.strip() for word in re.split("[,،]", text) if word.strip()]


def _both_spellings(words: Iterable[str]) -> set[str]:
    folded = {fold_word(word) for word in words}
    plain = {strip_accents(word) for word in folded if len(word) >= _SHORTEST_WITHOUT_ACCENTS}
    return folded | plain


WORDS: dict[str, int] = {}
"""Label by word for a gender, folded as `fold_word` does, with and without accents."""
WORD_LANGUAGES: dict[str, frozenset[str]] = {}
"""Names of the languages in which a word for a gender is one."""
UNKNOWN_WORDS: frozenset[str] = _SIGNS_OF_NOTHING | frozenset(
    spelling for language in LANGUAGES for spelling in _both_spellings(_words(language.unknown))
)
"""Cells that say nothing, folded."""


@dataclass(frozen=True)
class LetterPair:
    """The letters that a language writes for the two genders."""

    language: str
    male: str
    female: str
    common: bool


LETTER_PAIRS: tuple[LetterPair, ...] = tuple(
    LetterPair(language.name, fold_word(pair.split()[0]), fold_word(pair.split()[1]), language.common)
    for language in LANGUAGES
    for pair in language.letters
)
LETTERS = frozenset(letter for pair in LETTER_PAIRS for letter in (pair.male, pair.female))
COLUMN_WORDS: dict[ColumnRole, tuple[str, ...]] = {
    role: tuple(
        dict.fromkeys(
            spelling
            for language in LANGUAGES
            for word in _words(language.columns.get(role, ""))
            for spelling in (fold_word(word), *sorted(_both_spellings([word])))
        )
    )
    for role in ("file", "subject", "gender", "age", "race")
}
"""Names of columns by role, folded, best first; spaces and hyphens are written as underscores in them."""


def _index() -> None:
    for language in LANGUAGES:
        for label, words in ((MALE, language.male), (FEMALE, language.female)):
            for spelling in _both_spellings(_words(words)):
                # A letter is no word, whichever script: only all letters of a column say what one means.
                if len(spelling) == 1 and spelling.isascii():
                    continue
                if WORDS.setdefault(spelling, label) != label:
                    raise AssertionError(f"{spelling!r} means both genders.")
                WORD_LANGUAGES[spelling] = WORD_LANGUAGES.get(spelling, frozenset()) | {language.name}


_index()


def label_of_word(text: str) -> int | None:
    """Return +1 for a word for male, -1 for one for female in any of the languages, None for anything else."""
    folded = fold_word(text).strip(".")
    return WORDS.get(folded)


def says_nothing(text: str) -> bool:
    """Return whether a cell is empty or a placeholder: ``nan``, ``unknown``, ``-``, ``N/A``, ``unbekannt`` ..."""
    return fold_word(text) in UNKNOWN_WORDS
