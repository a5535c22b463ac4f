"""Published data sets that `facepriv fetch` knows: where their files are, what they must hash to, on what terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArchiveFile:
    """One file of a published data set."""

    file: str
    url: str
    sha256: str = ""
    """Published SHA-256; empty where none is known, then the first fetch records it."""
    bytes: int | None = None
    """Published size; None where none is known."""
    optional: bool = False
    """Whether the data set can be imported without it."""


@dataclass(frozen=True)
class Archive:
    """A published data set."""

    name: str
    """As `facepriv fetch` calls it."""
    title: str
    licence: str
    source: str
    files: tuple[ArchiveFile, ...]
    """The images first."""


FIGSHARE = "https://ndownloader.figshare.com/files/"

LFW = Archive(
    name="lfw",
    title="Labeled Faces in the Wild",
    licence="none stated by its makers; photos from news sites, made for research: whether you may use them is for you "
    "to find out",
    source="Huang et al. 2007, University of Massachusetts, Amherst; its site is gone, the files are those of "
    "scikit-learn's copy on figshare",
    files=(
        ArchiveFile(
            file="lfw.tgz",
            url=FIGSHARE + "5976018",
            sha256="055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0",
            bytes=180_566_744,
        ),
        ArchiveFile(
            file="pairs.txt",
            url=FIGSHARE + "5976006",
            sha256="ea42330c62c92989f9d7c03237ed5d591365e89b3e649747777b70e692dc1592",
            optional=True,
        ),
    ),
)
LONDON = Archive(
    name="london",
    title="Face Research Lab London Set (Version 5)",
    licence="CC-BY 4.0",
    source="DeBruine and Jones 2017, figshare, https://doi.org/10.6084/m9.figshare.5047666.v5",
    files=(
        ArchiveFile(file="neutral_front.zip", url=FIGSHARE + "8541961"),
        ArchiveFile(file="smiling_front.zip", url=FIGSHARE + "8541964"),
        ArchiveFile(file="london_faces_info.csv", url=FIGSHARE + "27397184"),
    ),
)
ARCHIVES: dict[str, Archive] = {archive.name: archive for archive in (LFW, LONDON)}
