"""Small folders that look like the data sets that readers know, with every quirk, made of the demo faces.

``make_stand_in("muct", folder)`` fills a folder and gives it back; `FACTS` says what an import of it must find. No
image occurs twice in one, so that nothing is refused as a copy.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import PIL.Image
import PIL.ImageOps

from facepriv.datasets.demo import demo_folder
from facepriv.types import Identities


@dataclass(frozen=True)
class Facts:
    """What a reader must find in a stand-in."""

    reader: str
    images: int
    subjects: int
    male: int
    female: int
    unlabelled: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """Images that are not taken, by the code that tells of them."""
    identities: Identities = "people"
    attributes: frozenset[str] = frozenset()
    pairs: int = 0
    """Of the protocol."""


FACTS: dict[str, Facts] = {
    "lfw": Facts("lfw", 12, 5, 6, 5, 1, {"in-both-lists": 1}, pairs=7),
    "lfw-sklearn": Facts("lfw", 8, 4, 0, 0, 8, pairs=4),
    "muct": Facts("muct", 12, 4, 6, 6, 0, {"mirrored-image": 2}),
    "london": Facts("london", 12, 6, 6, 6, attributes=frozenset({"age", "race"})),
    "london-old": Facts("london", 8, 4, 4, 4, attributes=frozenset({"age", "race"})),
    "utkface": Facts(
        "utkface", 12, 12, 6, 6, 0, {"malformed-name": 4}, identities="none", attributes=frozenset({"age", "race"})
    ),
    "fairface": Facts("fairface", 12, 12, 6, 6, identities="none", attributes=frozenset({"age_group", "race"})),
    "celeba": Facts("celeba", 12, 4, 6, 6),
    "celeba-kaggle": Facts("celeba", 8, 8, 4, 4, identities="none"),
    "vggface2": Facts("vggface2", 12, 4, 6, 6),
    "adience": Facts("adience", 12, 3, 5, 5, 2, identities="groups", attributes=frozenset({"age", "age_group"})),
    "adience-aligned": Facts(
        "adience", 12, 3, 5, 5, 2, identities="groups", attributes=frozenset({"age", "age_group"})
    ),
    "imdb-wiki": Facts("imdb-wiki", 12, 4, 6, 5, 1, attributes=frozenset({"age"})),
    "imdb-wiki-mat": Facts("imdb-wiki", 12, 4, 6, 5, 1, attributes=frozenset({"age"})),
    "celeba-hq": Facts("celeba-hq", 12, 4, 6, 6),
    "celeba-hq-mask": Facts("celeba-hq", 12, 12, 6, 6, identities="none"),
    "afad": Facts("afad", 12, 12, 6, 6, identities="none", attributes=frozenset({"age"})),
    "bfw": Facts("bfw", 12, 4, 6, 6, attributes=frozenset({"race"})),
    "diveface": Facts("diveface", 12, 4, 6, 6, attributes=frozenset({"race"})),
    "diveface-4k": Facts("diveface", 12, 4, 6, 6, attributes=frozenset({"race"})),
    "facescrub": Facts("facescrub", 12, 4, 6, 6),
    "cfd": Facts("cfd", 12, 4, 6, 6, attributes=frozenset({"race"})),
    "morph": Facts("morph", 12, 4, 6, 6, attributes=frozenset({"age"})),
    "agedb": Facts("agedb", 12, 4, 6, 6, attributes=frozenset({"age"})),
    "ar": Facts("ar", 12, 4, 6, 6),
    "frgc": Facts("frgc", 12, 4, 0, 0, 12),
    "rfw": Facts("rfw", 12, 4, 0, 0, 12, attributes=frozenset({"race"})),
    "casia-webface": Facts("casia-webface", 12, 4, 0, 0, 12),
    "yale": Facts("yale", 12, 4, 0, 0, 12),
    "yale-b": Facts("yale", 12, 4, 0, 0, 12),
    "feret": Facts("feret", 12, 4, 0, 0, 12),
    "feret-grey": Facts("feret", 12, 4, 0, 0, 12),
    "csv": Facts("csv", 12, 4, 6, 6, attributes=frozenset({"age", "race"})),
    "folders": Facts("folders", 12, 4, 6, 6),
    "flat": Facts("flat", 12, 4, 0, 0, 12),
}
STAND_INS = tuple(FACTS)


def make_stand_in(kind: str, folder: Path) -> Path:
    """Fill ``folder``, which must be empty or missing, with the stand-in of this kind and give it back."""
    folder.mkdir(parents=True, exist_ok=True)
    _MAKERS[kind](_Maker(folder))
    return folder


@dataclass(frozen=True)
class _Person:
    gender: str
    age: str
    photos: tuple[Path, ...]
    """Four of one person who does not exist."""


def _people(gender: str) -> list[_Person]:
    with (demo_folder() / "faces.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gender"] == gender]
    people: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        people.setdefault(row["subject"], []).append(row)
    return [
        _Person(gender, rows[0]["age"], tuple(demo_folder() / row["file"] for row in rows)) for rows in people.values()
    ]


class _Maker:
    """Writes one stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.women, self.men = _people("female"), _people("male")

    def take(self, women: int, men: int, photos: int) -> Iterator[tuple[int, _Person, int, Path]]:
        """Give number of the person from 0, the person, number of the photo from 0, and the photo; women first."""
        for number, person in enumerate(self.women[:women] + self.men[:men]):
            for photo in range(photos):
                yield number, person, photo, person.photos[photo]

    def image(self, name: str, source: Path, *, mirrored: bool = False) -> str:
        """Put one image."""
        path = self._path(name)
        if mirrored:
            with PIL.Image.open(source) as opened:
                PIL.ImageOps.mirror(opened).save(path, quality=95)
        else:
            shutil.copyfile(source, path)
        return name

    def text(self, name: str, *lines: str, end: str = "\n") -> None:
        """Put one text file."""
        self._path(name).write_bytes("".join(line + end for line in lines).encode())

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _lfw(make: _Maker) -> None:
    names = ["Ann_Lee", "Bea_Roe", "Carl_Poe", "Dan_O'Fox"]
    for number, _, photo, source in make.take(2, 2, 3):
        if (number, photo) != (1, 2):
            make.image(f"lfw-deepfunneled/{names[number]}/{names[number]}_{photo + 1:04}.jpg", source)
    make.image("lfw-deepfunneled/Eve_Both/Eve_Both_0001.jpg", make.women[4].photos[0])
    make.image("lfw-deepfunneled/Fay_None/Fay_None_0001.jpg", make.women[5].photos[0])
    women = [f"{names[n]}_{i:04}.jpg" for n, i in ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2))]
    men = [f"{names[n]}_{i:04}.jpg" for n in (2, 3) for i in (1, 2, 3)]
    # As published: Windows line ends, a blank line, and one name without its extension, all at odd places.
    make.text(
        "female_names.txt", women[0], women[1].removesuffix(".jpg"), "Eve_Both_0001.jpg", "", *women[2:], end="\r\n"
    )
    make.text("male_names.txt", *men, "Eve_Both_0001.jpg", "Not_Here_0001.jpg", "", end="\r\n")
    make.text(
        "pairs.txt",
        "2\t2",
        "Ann_Lee\t1\t3",
        "Carl_Poe\t1\t2",
        "Ann_Lee\t1\tCarl_Poe\t3",
        "Bea_Roe\t2\tDan_O'Fox\t1",
        "Bea_Roe\t1\t2",
        "Dan_O'Fox\t2\t3",
        "Ann_Lee\t2\tDan_O'Fox\t3",
        "Bea_Roe\t1\tNot_Here\t4",
    )


def _lfw_sklearn(make: _Maker) -> None:
    names = ["Ann_Lee", "Bea_Roe", "Carl_Poe", "Dan_Fox"]
    for number, _, photo, source in make.take(2, 2, 2):
        make.image(f"lfw_home/lfw_funneled/{names[number]}/{names[number]}_{photo + 1:04}.jpg", source)
    make.text("lfw_home/pairsDevTrain.txt", "1", "Ann_Lee\t1\t2", "Bea_Roe\t1\tCarl_Poe\t2")
    make.text("lfw_home/pairsDevTest.txt", "1", "Dan_Fox\t1\t2", "Dan_Fox\t1\tAnn_Lee\t2")
    make.text("lfw_home/joblib/sklearn/datasets/_lfw/_fetch_lfw_people/func_code.py", "# first line: 1")


def _muct(make: _Maker) -> None:
    subjects = ["000", "003", "001", "204"]
    tags = []
    for number, person, photo, source in make.take(2, 2, 3):
        tag = f"{subjects[number]}{'qrs'[photo]}{'abd'[photo]}-{person.gender[0]}{'ng'[photo == 2]}"
        tags.append(make.image(f"jpg/i{tag}.jpg", source))
        if photo == 0 and number in (0, 2):
            tags.append(make.image(f"jpg/ir{tag}.jpg", source, mirrored=True))
    make.text(
        "muct-landmarks/muct76-opencv.csv",
        "name,tag,x00,y00",
        *(f"{Path(tag).stem},0000,201,348" for tag in tags),
    )
    make.text("README", "Please do not reproduce the images in any publicly available document.")


_RACES = ["white", "east_asian", "black", "west_asian", "white", "black"]


def _london(make: _Maker) -> None:
    subjects = ["001", "003", "004", "005", "006", "172"]
    rows = ["face_id,face_age,face_gender,face_eth"]
    for number, person, photo, source in make.take(3, 3, 2):
        make.image(f"{subjects[number]}_{('03', '08')[photo]}.jpg", source)
        if photo == 0:
            # Some people told no age.
            age = "" if number == 1 else person.age
            rows.append(f"{subjects[number]},{age},{person.gender},{_RACES[number]}")
    make.text("._001_03.jpg", "what a Mac leaves behind")
    make.text("london_faces_info.csv", *rows, "099,40,male,white")


def _london_old(make: _Maker) -> None:
    rows = ["face_id,face_age,face_sex,face_eth"]
    for number, person, photo, source in make.take(2, 2, 2):
        make.image(f"neutral/{number + 1:03}_{('03', '08')[photo]}.jpg", source)
        if photo == 0:
            rows.append(f"X{number + 1:03},{person.age},{person.gender},{_RACES[number]}")
    make.text("london_faces_info.csv", *rows)


def _utkface(make: _Maker) -> None:
    for number, person, _, source in make.take(6, 6, 1):
        gender = "1" if person.gender == "female" else "0"
        name = f"{person.age}_{gender}_{number % 5}_201701161745{number:02}125"
        # Published so too: a space before the dot, a dot that is missing.
        ends = {1: " .jpg.chip.jpg", 2: "jpg.chip.jpg", 3: ".jpg"}
        make.image(f"UTKFace/{name}{ends.get(number, '.jpg.chip.jpg')}", source)
    malformed = [
        "39_1_20170116174525125",
        "61_1_20170109142408075",
        "61_1_20170109150557335",
        "53__0_20170116184028385",
    ]
    for number, name in enumerate(malformed):
        make.image(f"UTKFace/{name}.jpg.chip.jpg", make.women[20 + number].photos[0])


def _fairface(make: _Maker) -> None:
    rows: dict[str, list[str]] = {"train": [], "val": []}
    bands = ["20-29", "30-39", "more than 70"]
    races = ["East Asian", "Latino_Hispanic", "White"]
    for number, person, _, source in make.take(6, 6, 1):
        split = "train" if number % 3 else "val"
        # The same numbers in both, which are different images.
        name = f"{split}/{len(rows[split]) + 1}.jpg"
        make.image(f"fairface-img-margin025-trainval/{name}", source)
        rows[split].append(
            f"{name},{bands[number % 3]},{person.gender.capitalize()},{races[number % 3]},{number % 2 == 0}"
        )
    for split, lines in rows.items():
        make.text(f"fairface_label_{split}.csv", "file,age,gender,race,service_test", *lines)


_CELEBA = ["5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", *(f"Attribute_{n}" for n in range(17)), "Male"]
_CELEBA += [f"Attribute_{n}" for n in range(17, 35)] + ["Young"]


def _celeba(make: _Maker) -> None:
    rows, identities = [], []
    for number, person, photo, source in make.take(2, 2, 3):
        name = f"{number * 3 + photo + 1:06}.jpg"
        make.image(f"img_align_celeba/{name}", source)
        male = 1 if person.gender == "male" else -1
        # Values are padded to two characters, so runs of spaces occur.
        values = [male if attribute == "Male" else -male for attribute in _CELEBA]
        rows.append(f"{name} {' '.join(f'{value:2}' for value in values)}")
        identities.append(f"{name} {2880 + number}")
    make.text("Anno/list_attr_celeba.txt", "12", " ".join(_CELEBA) + " ", *rows)
    make.text("Anno/identity_CelebA.txt", *identities)


def _celeba_kaggle(make: _Maker) -> None:
    rows = []
    for number, person, _, source in make.take(4, 4, 1):
        name = make.image(f"img_align_celeba/img_align_celeba/{number + 1:06}.jpg", source).rpartition("/")[2]
        male = "1" if person.gender == "male" else "-1"
        rows.append(",".join([name, *(male if a == "Male" else "-1" for a in _CELEBA)]))
    make.text("list_attr_celeba.csv", ",".join(["image_id", *_CELEBA]), *rows)


def _vggface2(make: _Maker) -> None:
    classes = ["n000001", "n000002", "n000009", "n009294"]
    names = ['"Ann_Lee"', '"Bea_Roe,_Jr."', '"Carl_"Cal"_Poe"', '"Dan_O\'Fox"']
    rows = []
    for number, person, photo, source in make.take(2, 2, 3):
        split = "test" if number == 0 else "train"
        make.image(f"{split}/{classes[number]}/{photo * 9 + 1:04}_0{1 + photo % 2}.jpg", source)
        if photo == 0:
            end = "," if number % 2 else ""
            rows.append(f"{classes[number]}, {names[number]},424,{int(split == 'train')}, {person.gender[0]}{end}")
    rows.append('n000777, "Not_Here",120,1, f')
    make.text("meta/identity_meta.csv", "Class_ID, Name, Sample_Num, Flag, Gender", *rows)
    make.text("train_list.txt", *(f"{name}/0001_01.jpg" for name in classes[1:]))


_ADIENCE = ["user_id", "original_image", "face_id", "age", "gender", "x", "y", "dx", "dy"]
_ADIENCE += ["tilt_ang", "fiducial_yaw_angle", "fiducial_score"]


def _adience_folds(make: _Maker, pattern: str) -> None:
    # One account holds a woman and a man.
    accounts = ["30601258@N03", "30601258@N03", "113445054@N07", "64504106@N06"]
    ages = ["(25, 32)", "35", "None", "(60, 100)"]
    folds: dict[int, list[str]] = {0: [], 1: []}
    people = [make.women[0], make.men[0], make.women[1], make.men[1]]
    for number, person in enumerate(people):
        for photo in range(3):
            original, face = f"1039964{number}{photo}_67c7d20df9_o.jpg", number * 10 + photo
            make.image(pattern.format(account=accounts[number], face=face, original=original), person.photos[photo])
            gender = "u" if (number, photo) == (2, 2) else "" if (number, photo) == (3, 1) else person.gender[0]
            cells = [accounts[number], original, str(face), ages[number], gender, "0", "414", "1086", "1383"]
            folds[number % 2].append("\t".join([*cells, "-115", "30", "17"]))
    for number, rows in folds.items():
        make.text(f"fold_{number}_data.txt", "\t".join(_ADIENCE), *rows)
    make.text("fold_frontal_0_data.txt", "\t".join(_ADIENCE), folds[0][0])


def _adience(make: _Maker) -> None:
    _adience_folds(make, "faces/{account}/coarse_tilt_aligned_face.{face}.{original}")
    make.text("faces/30601258@N03/landmarks.0.103996400_67c7d20df9_o.txt", "score,17")


def _adience_aligned(make: _Maker) -> None:
    _adience_folds(make, "aligned/{account}/landmark_aligned_face.{face}.{original}")


def _imdb_wiki_rows(make: _Maker) -> list[tuple[str, str]]:
    rows = []
    for number, person, photo, source in make.take(2, 2, 3):
        born = 1990 + number
        name = f"{number:02}/1000{number}_{born}-05-0{number + 1}_{born + 20 + photo}.jpg"
        make.image(f"wiki_crop/{name}", source)
        # As published: a gender that is not known.
        known = (number, photo) != (0, 2)
        rows.append((name, ("1.0" if person.gender == "male" else "0.0") if known else "NaN"))
    return rows


def _imdb_wiki(make: _Maker) -> None:
    make.text("wiki.csv", "full_path,gender", *(f"{name},{gender}" for name, gender in _imdb_wiki_rows(make)))


def _imdb_wiki_mat(make: _Maker) -> None:
    import numpy as np
    import scipy.io

    rows = [*_imdb_wiki_rows(make), ("99/9999_1950-01-01_2000.jpg", "0.0")]
    listed = {
        "full_path": np.array([name for name, _ in rows], dtype=object),
        "gender": np.array([float(gender) for _, gender in rows]),
    }
    scipy.io.savemat(make.folder / "wiki_crop" / "wiki.mat", {"wiki": listed})


def _celeba_hq(make: _Maker, *, identities: bool = True) -> None:
    rows, mapping, people = [], ["idx orig_idx orig_file"], []
    for number, person, photo, source in make.take(2, 2, 3):
        image = number * 3 + photo
        make.image(f"CelebA-HQ-img/{image}.jpg", source)
        male = 1 if person.gender == "male" else -1
        rows.append(f"{image}.jpg  {' '.join(str(male if a == 'Male' else -male) for a in _CELEBA)}")
        mapping.append(f"{image}    {119613 + image}    {119614 + image:06}.jpg")
        people.append(f"{119614 + image:06}.jpg {2880 + number}")
    make.text("CelebAMask-HQ-attribute-anno.txt", "12", " ".join(_CELEBA), *rows)
    if identities:
        make.text("CelebA-HQ-to-CelebA-mapping.txt", *mapping)
        make.text("identity_CelebA.txt", *people)


def _celeba_hq_mask(make: _Maker) -> None:
    _celeba_hq(make, identities=False)


_NAMES: dict[str, str] = {
    "afad": "AFAD-Full/{age}/{code}/{image}-0.jpg",
    "bfw": "face-samples/{race}_{gender}s/n{number:06}/{photo:04}_01.jpg",
    "diveface": "Group{group}_{Gender}/5062{number}@N07/31641{photo}_0.jpg",
    "diveface-4k": "{hm}{abn}4K_120/5062{number}@N07_identity_0/31641{photo}_0.jpg",
    "facescrub": "facescrub/{act}/faces/Person_{number}/Person_{number}_{image}_{photo}.jpg",
    "cfd": "CFD Version 3.0/Images/CFD/{abn}{F}-00{number}/CFD-{abn}{F}-00{number}-01{photo}-N.jpg",
    "morph": "Album2/0000{number}3_{photo}{F}{age}.JPG",
    "agedb": "AgeDB/{image}_Person{number}_{age}_{f}.jpg",
    "ar": "{mw}-00{number}-0{photo}.jpg",
    "frgc": "nd1/0246{number}d{image}.jpg",
    "rfw": "test/data/{Race}/m.0c7m{number}/m.0c7m{number}_000{photo}.jpg",
    "casia-webface": "CASIA-WebFace/000004{number}/00{photo}.jpg",
    "yale": "yalefaces/subject0{number}.{mood}",
    "yale-b": "CroppedYale/yaleB0{number}/yaleB0{number}_P00A+0{photo}0E-20.jpg",
    "feret": "images/0000{number}_93083{photo}_fa.jpg",
    "feret-grey": "fa/0000{number}fa010_93083{photo}.jpg",
}
"""Patterns of the data sets whose names tell all that they tell."""


def _named(kind: str) -> Callable[[_Maker], None]:
    def fill(make: _Maker) -> None:
        for number, person, photo, source in make.take(2, 2, 3):
            male = person.gender == "male"
            told = {
                "act": "actors" if male else "actresses",
                "abn": "AB"[number % 2],
                "age": person.age,
                "code": "111" if male else "112",
                "f": person.gender[0],
                "F": person.gender[0].upper(),
                "gender": person.gender,
                "Gender": person.gender.capitalize(),
                "group": 1 + number % 3,
                "hm": "H" if male else "M",
                "image": number * 3 + photo,
                "mw": "m" if male else "w",
                "mood": ("glasses", "normal", "wink")[photo],
                "number": number,
                "photo": photo + 1,
                "race": ("asian", "black")[number % 2],
                "Race": ("Asian", "African")[number % 2],
            }
            make.image(_NAMES[kind].format(**told), source)

    return fill


def _csv(make: _Maker) -> None:
    genders = {"female": ["f", "Female", "WOMAN"], "male": ["m", "Male", "man"]}
    rows = []
    for number, person, photo, source in make.take(2, 2, 3):
        name = make.image(f"photos/p{number}{photo}.jpg", source)
        rows.append(
            f"{name};Person {number};{genders[person.gender][photo]};{person.age};{_RACES[number]};x@example.org"
        )
    make.text("list.csv", "path;subject;gender;age;ethnicity;e-mail", *rows)


def _folders(make: _Maker) -> None:
    for number, person, photo, source in make.take(2, 2, 3):
        make.image(f"{person.gender}/person{number}/{photo}.jpg", source)


def _flat(make: _Maker) -> None:
    for number, _, photo, source in make.take(2, 2, 3):
        make.image(f"person{number}_{photo}.jpg", source)


_MAKERS: dict[str, Callable[[_Maker], None]] = {
    "lfw": _lfw,
    "lfw-sklearn": _lfw_sklearn,
    "muct": _muct,
    "london": _london,
    "london-old": _london_old,
    "utkface": _utkface,
    "fairface": _fairface,
    "celeba": _celeba,
    "celeba-kaggle": _celeba_kaggle,
    "vggface2": _vggface2,
    "adience": _adience,
    "adience-aligned": _adience_aligned,
    "imdb-wiki": _imdb_wiki,
    "imdb-wiki-mat": _imdb_wiki_mat,
    "celeba-hq": _celeba_hq,
    "celeba-hq-mask": _celeba_hq_mask,
    **{kind: _named(kind) for kind in _NAMES},
    "csv": _csv,
    "folders": _folders,
    "flat": _flat,
}
