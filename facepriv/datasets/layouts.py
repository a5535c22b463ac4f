"""Data sets that are known by how their folders and files are called: one declared layout each.

What a name says is read from a pattern; its groups are ``subject``, ``gender``, ``age`` and ``race``. Sources:

afad
    Niu, Z. et al. (2016). Ordinal Regression with Multiple Output CNN for Age Estimation. CVPR.
    ``15/111/109301-0.jpg``: age 15, 111 male, 112 female. https://afad-dataset.github.io
bfw
    Robinson, J. P. et al. (2020). Face Recognition: Too Bias, or Not Too Bias? CVPR Workshops.
    ``asian_females/n000009/0010_01.jpg``, the people being VGGFace2's. https://github.com/visionjo/facerec-bias-bfw
diveface
    Morales, A. et al. (2021). SensitiveNets. TPAMI. ``Group1_Male/USER/IMAGE.jpg`` as its script sorts images; 1 East
    Asian, 2 Sub-Saharan and South Indian, 3 Caucasian. https://github.com/BiDAlab/DiveFace. Its smaller edition calls
    the folders ``HA4K_120`` to ``MN4K_120``, H and M being *hombre* and *mujer*; the second letter is kept as written.
facescrub
    Ng, H.-W. and Winkler, S. (2014). A data-driven approach to cleaning large face datasets. ICIP.
    ``actors/Aaron_Eckhart/...``, ``actresses/.../faces/...``. http://vintage.winklerbros.net/facescrub.html
cfd
    Ma, D. S., Correll, J. and Wittenbrink, B. (2015). The Chicago Face Database. Behavior Research Methods.
    ``CFD-WM-001-014-N.jpg``: race, gender, number of the person, of the photo, expression; I of CFD-INDIA and M of
    CFD-MR too. https://www.chicagofaces.org
morph
    Ricanek, K. and Tesafaye, T. (2006). MORPH: A longitudinal image database of normal adult age-progression. FG.
    ``000013_0M32.JPG``: person, number of the photo, gender, age.
agedb
    Moschoglou, S. et al. (2017). AgeDB: the first manually collected, in-the-wild age database. CVPR Workshops.
    ``0_MariaCallas_35_f.jpg``: number, person, age, gender.
ar
    Martinez, A. M. and Benavente, R. (1998). The AR face database. CVC Technical Report 24. ``m-001-01.bmp``: m or w,
    person, photo.
frgc
    Phillips, P. J. et al. (2005). Overview of the Face Recognition Grand Challenge. CVPR. ``02463d252.jpg``: person,
    recording. Gender, race and year of birth are in separate metadata.
rfw
    Wang, M. et al. (2019). Racial Faces in the Wild. ICCV. ``African/m.0c7mh2/m.0c7mh2_0001.jpg``: race, person.
    http://whdeng.cn/RFW
casia-webface
    Yi, D. et al. (2014). Learning Face Representation from Scratch. arXiv:1411.7923. ``0000045/001.jpg``: person,
    photo.
yale
    Belhumeur, P. N., Hespanha, J. P. and Kriegman, D. J. (1997). Eigenfaces vs. Fisherfaces. TPAMI.
    ``subject01.glasses``, a GIF, or with an extension behind; and Georghiades, A. S. et al. (2001), Extended Yale B:
    ``yaleB01_P00A+000E+00.pgm``. What stands behind the person is no extension and no person.
feret
    Phillips, P. J. et al. (2000). The FERET evaluation methodology for face-recognition algorithms. TPAMI.
    ``00001_930831_fa.ppm.bz2`` in colour, ``00001fa010_930831.tif`` in grey: person, pose, date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from facepriv.datasets.conventions import count_matching, mapping_problems, parse_names, refuse_table
from facepriv.datasets.files import Files
from facepriv.datasets.labelling import NO_IDENTITIES, label_by_subject
from facepriv.datasets.reading import ReadOptions, ReadResult, table_result
from facepriv.datasets.subject_tables import is_subject_table, read_subject_table
from facepriv.types import FEMALE, MALE, Identities, LabelledImage

RESEARCH = "Said to be for non-commercial research only, the copyright staying with the images' owners: "
_MF = {"m": MALE, "f": FEMALE}


@dataclass(frozen=True)
class Layout:
    """How one data set calls its folders and files."""

    name: str
    title: str
    example: str
    pattern: re.Pattern[str]
    """Of the whole name inside the data set, with groups called ``subject``, ``gender``, ``age``, ``race``; in another
    branch of the pattern with an underscore behind."""
    says: str
    """Where the subjects come from and what else the names tell, as a clause."""
    licence: str
    genders: Mapping[str, int] = field(default_factory=lambda: _MF)
    """Label by the pattern's ``gender`` in lower case."""
    races: Mapping[str, str] = field(default_factory=dict)
    """Race by the pattern's ``race`` in lower case, where that is a code."""
    identities: Identities = "people"
    source: str = "file name"
    """What tells subject and label of an image, in a few words."""

    @property
    def tells_gender(self) -> bool:
        """Return whether names tell the gender."""
        return "gender" in self.pattern.groupindex

    def read(self, match: re.Match[str]) -> tuple[str | None, int | None, dict[str, str | float]]:
        """Return subject, label and attributes that a name tells."""
        told = {key.rstrip("_"): value for key, value in match.groupdict().items() if value is not None}
        attributes: dict[str, str | float] = {}
        if "age" in told:
            attributes["age"] = float(told["age"])
        if "race" in told:
            attributes["race"] = self.races.get(told["race"].casefold(), told["race"])
        return told.get("subject"), self.genders.get(told.get("gender", "").casefold()), attributes


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:.*/)?{text}", re.IGNORECASE)


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "afad",
        "AFAD",
        "15/111/109301-0.jpg",
        _pattern(r"(?P<age>\d{1,3})/(?P<gender>111|112)/[^/]+"),
        f"{NO_IDENTITIES}; folders tell age and gender",
        f"{RESEARCH}Niu, Z. et al. (2016), AFAD. https://afad-dataset.github.io",
        genders={"111": MALE, "112": FEMALE},
        identities="none",
        source="folder",
    ),
    Layout(
        "bfw",
        "BFW",
        "asian_females/n000009/0010_01.jpg",
        _pattern(r"(?P<race>asian|black|indian|white)_(?P<gender>females|males)/(?P<subject>n\d{6})/\d+_\d+\.[^./]+"),
        "the folder of each image; the folder above tells race and gender",
        f"{RESEARCH}Robinson, J. P. et al. (2020), BFW. https://github.com/visionjo/facerec-bias-bfw",
        genders={"males": MALE, "females": FEMALE},
        source="folder",
    ),
    Layout(
        "diveface",
        "DiveFace",
        "Group1_Male/USER/IMAGE.jpg",
        _pattern(
            r"(?:Group(?P<race>[123])_(?P<gender>Male|Female)|(?P<gender_>[HM])(?P<race_>[ABN])4K_120)"
            r"/(?P<subject>[^/]+)/[^/]+"
        ),
        "the folder of each image; the folder above tells race and gender",
        f"{RESEARCH}Morales, A. et al. (2021), DiveFace. https://github.com/BiDAlab/DiveFace",
        genders={"male": MALE, "female": FEMALE, "h": MALE, "m": FEMALE},
        races={"1": "East Asian", "2": "Sub-Saharan and South Indian", "3": "Caucasian"},
        source="folder",
    ),
    Layout(
        "facescrub",
        "FaceScrub",
        "actors/Aaron_Eckhart/Aaron_Eckhart_1_1.jpeg",
        _pattern(
            r"(?P<gender>actors|actresses|actor_faces|actress_faces|actor_images|actress_images)"
            r"(?:/(?:images|faces))?/(?P<subject>[^/]+)/[^/]+"
        ),
        "the folder of each image; the folder above tells the gender",
        f"{RESEARCH}Ng, H.-W. and Winkler, S. (2014), FaceScrub. http://vintage.winklerbros.net/facescrub.html",
        genders={
            **dict.fromkeys(("actors", "actor_faces", "actor_images"), MALE),
            **dict.fromkeys(("actresses", "actress_faces", "actress_images"), FEMALE),
        },
        source="folder",
    ),
    Layout(
        "cfd",
        "the Chicago Face Database",
        "CFD-WM-001-014-N.jpg",
        _pattern(r"CFD-(?P<subject>(?P<race>[ABLWIM])(?P<gender>[FM])-\d{3,4})-\d{3}-[A-Z]{1,2}\.[^./]+"),
        "race, gender and number in the file name",
        f"{RESEARCH}Ma, D. S., Correll, J. and Wittenbrink, B. (2015), Chicago Face Database. "
        "https://www.chicagofaces.org",
        races={"a": "Asian", "b": "Black", "l": "Latino", "w": "White", "i": "Indian", "m": "Multiracial"},
    ),
    Layout(
        "morph",
        "MORPH",
        "000013_0M32.JPG",
        _pattern(r"(?P<subject>\d{5,6})_\d{1,3}(?P<gender>[MF])(?P<age>\d{1,3})\.[^./]+"),
        "the number before the underscore in the file name, which tells gender and age too",
        f"{RESEARCH}Ricanek, K. and Tesafaye, T. (2006), MORPH.",
    ),
    Layout(
        "agedb",
        "AgeDB",
        "0_MariaCallas_35_f.jpg",
        _pattern(r"\d+_(?P<subject>[^_/\d][^/]*?)_(?P<age>\d{1,3})_(?P<gender>[mf])\.[^./]+"),
        "the name in the file name, which tells age and gender too",
        f"{RESEARCH}Moschoglou, S. et al. (2017), AgeDB. https://ibug.doc.ic.ac.uk/resources/agedb",
    ),
    Layout(
        "ar",
        "the AR face database",
        "m-001-01.bmp",
        _pattern(r"(?P<subject>(?P<gender>[mw])-\d{3})-\d{1,2}\.[^./]+"),
        "the letter and the number in the file name; m is a man, w a woman",
        f"{RESEARCH}Martinez, A. M. and Benavente, R. (1998), AR face database.",
        genders={"m": MALE, "w": FEMALE},
    ),
    Layout(
        "frgc",
        "FRGC",
        "02463d252.jpg",
        _pattern(r"(?P<subject>\d{5})d\d{1,4}\.[^./]+"),
        "the five digits in the file name, which tells no gender",
        f"{RESEARCH}Phillips, P. J. et al. (2005), Face Recognition Grand Challenge.",
    ),
    Layout(
        "rfw",
        "RFW",
        "African/m.0c7mh2/m.0c7mh2_0001.jpg",
        _pattern(r"(?P<race>African|Asian|Caucasian|Indian)/(?P<subject>[mg]\.[\w-]+)/(?P=subject)_\d{3,5}\.[^./]+"),
        "the folder of each image; the folder above tells the race, and nothing the gender",
        f"{RESEARCH}Wang, M. et al. (2019), Racial Faces in the Wild. http://whdeng.cn/RFW",
        source="folder",
    ),
    Layout(
        "casia-webface",
        "CASIA-WebFace",
        "0000045/001.jpg",
        _pattern(r"(?P<subject>\d{7})/\d{3,4}\.[^./]+"),
        "the folder of each image; nothing tells the gender",
        f"{RESEARCH}Yi, D. et al. (2014), CASIA-WebFace.",
        source="folder",
    ),
    Layout(
        "yale",
        "Yale",
        "subject01.glasses or yaleB01_P00A+000E+00.pgm",
        _pattern(
            r"(?:(?P<subject>subject\d{2})[._ ](?:center-?light|(?:no)?glasses|happy|left-?light|normal|right-?light|"
            r"sad|sleepy|surprised|wink)(?:\.[^./]+)*|(?P<subject_>yaleB\d{2})_P\d{2}(?:A[+-]\d{3}E[+-]\d{2}|_Ambient)\.[^/]+)"
        ),
        "what the file name begins with, and nothing the gender",
        f"{RESEARCH}Yale Face Database and Extended Yale Face Database B, Yale University.",
    ),
    Layout(
        "feret",
        "FERET",
        "00001_930831_fa.ppm.bz2",
        _pattern(
            r"(?:(?P<subject>\d{5})_\d{6}_[a-z]{2}(?:_[a-z])?|(?P<subject_>\d{5})[a-z]{2}\d{3}[a-z]*_\d{6}[a-z]*)\.[^/]+"
        ),
        "the five digits in the file name, and nothing the gender",
        f"{RESEARCH}Phillips, P. J. et al. (2000), FERET, NIST.",
    ),
)
BY_NAME = {layout.name: layout for layout in LAYOUTS}


class LayoutReader:
    """Reads what the names of one layout tell; where they tell no gender, a table by subject may."""

    rank = 100

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for the names, which no other data set has."""
        if labels is not None and (self.layout.tells_gender or not is_subject_table(labels, options)):
            return None
        matching = count_matching(files.images, self.layout.pattern.fullmatch)
        return f"{matching:,} images are named like {self.layout.example}" if matching else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the names."""
        layout = self.layout
        if layout.tells_gender:
            refuse_table(labels, self.name, "the names of folders and files")
        parsed, problems = parse_names(files.images, layout.pattern.fullmatch, layout.example)
        images = []
        for name, match in parsed.items():
            subject, label, attributes = layout.read(match)
            images.append(LabelledImage(name, subject or name, label, folder / name, attributes))
        result = ReadResult(
            images,
            problems,
            why=f"Subjects: {layout.says}.",
            licence=layout.licence,
            identities=layout.identities,
            origin={"subject": "none" if layout.identities == "none" else layout.source, "label": layout.source},
        )
        if labels is None:
            result.problems.extend(mapping_problems(options, layout.title))
            return result
        table = read_subject_table(labels, options)
        subjects = {image.name: image.subject for image in images}
        attributes_of = {image.name: image.attributes for image in images}
        labelled, label_problems = label_by_subject(folder, subjects, table)
        merged = [
            LabelledImage(
                each.name,
                each.subject,
                each.label,
                each.path,
                {**attributes_of[each.name], **each.attributes},
                {"subject": layout.source, **each.origin},
            )
            for each in labelled
        ]
        said = ReadResult(
            merged,
            [*problems, *label_problems],
            why=f"{result.why} {table.told[:1].upper()}{table.told[1:]}.",
            licence=layout.licence,
            table=labels.name,
            identities=layout.identities,
        )
        return table_result(said, table)


afad, bfw, diveface, facescrub, cfd, morph, agedb, ar, frgc, rfw, casia_webface, yale, feret = (
    partial(LayoutReader, layout) for layout in LAYOUTS
)
