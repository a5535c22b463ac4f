"""Published data sets that `facepriv fetch` knows: addresses, hashes and licences of their files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFile:
    """One file of a published data set."""

    name: str
    url: str
    sha256: str = ""
    """Published SHA-256; empty where none is known, then the first fetch records it."""
    bytes: int | None = None
    """Published size; None where none is known."""
    optional: bool = False
    """Whether the data set can be imported without it."""


@dataclass(frozen=True)
class PublishedDataset:
    """A published data set."""

    name: str
    """Name for `facepriv fetch`."""
    title: str
    licence: str
    source: str
    files: tuple[PublishedFile, ...]
    """The images first."""


FIGSHARE = "https://ndownloader.figshare.com/files/"

LFW = PublishedDataset(
    name="lfw",
    title="Labeled Faces in the Wild",
    licence="none stated by its makers; photos from news sites, collected for research: check that you may use them",
    source="Huang et al. 2007, University of Massachusetts, Amherst; its site is gone, the files are those of "
    "scikit-learn's copy on figshare",
    files=(
        PublishedFile(
            name="lfw.tgz",
            url=FIGSHARE + "5976018",
            sha256="055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0",
            bytes=180_566_744,
        ),
        PublishedFile(
            name="pairs.txt",
            url=FIGSHARE + "5976006",
            sha256="ea42330c62c92989f9d7c03237ed5d591365e89b3e649747777b70e692dc1592",
            optional=True,
        ),
    ),
)
LONDON = PublishedDataset(
    name="london",
    title="Face Research Lab London Set (Version 5)",
    licence="CC-BY 4.0",
    source="DeBruine and Jones 2017, figshare, https://doi.org/10.6084/m9.figshare.5047666.v5",
    files=(
        PublishedFile(name="neutral_front.zip", url=FIGSHARE + "8541961"),
        PublishedFile(name="smiling_front.zip", url=FIGSHARE + "8541964"),
        PublishedFile(name="london_faces_info.csv", url=FIGSHARE + "27397184"),
    ),
)
PUBLISHED_DATASETS: dict[str, PublishedDataset] = {dataset.name: dataset for dataset in (LFW, LONDON)}
