"""Every file of a data set is an image taken, a list or table read, or left out with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from facepriv.datasets.files import Files
from facepriv.datasets.problems import problem_names, summarise_problems
from facepriv.datasets.tables import is_table_name
from facepriv.imaging.file_formats import suffix_of
from facepriv.types import LabelledImage, Problem

_KINDS: tuple[tuple[str, str, str, str, str], ...] = (
    # Code, one, several, what to do, endings
    (
        "table-not-used",
        "a table or list that was not read",
        "tables or lists that were not read",
        "if it holds the labels, name it with --labels or as label table",
        ".csv .tsv .jsonl .ndjson .xls .xlsx .ods .parquet .pq .mat .sqlite .db .dat",
    ),
    (
        "text-file",
        "a text that was not read as a list",
        "texts that were not read as lists",
        "if it holds the labels, name it with --labels or as label table",
        ".txt .lst .log",
    ),
    ("document", "a document", "documents", "", ".md .rst .html .htm .pdf .doc .docx .odt .rtf .bib .tex"),
    (
        "sidecar",
        "a companion of a photo that holds no picture",
        "companions of photos that hold no pictures",
        "",
        ".xmp .aae .thm .pp3 .dop .cos .nksc .on1 .arp .lrv .ithmb .ini",
    ),
    (
        "annotation",
        "a file of points, annotations or descriptions, which is not used",
        "files of points, annotations or descriptions, which are not used",
        "",
        ".json .pts .lmk .lm .lm2 .lm3 .xml .yaml .yml .tem .asf .eye .abs .bnt .ply .obj .wrl",
    ),
    (
        "archive-inside",
        "an archive inside the data set, which was not unpacked",
        "archives inside the data set, which were not unpacked",
        "unpack it in its place and import again",
        ".zip .tar .gz .tgz .bz2 .tbz .tbz2 .xz .txz .zst .7z .rar .jar .lzh .cab .z .lz4",
    ),
    (
        "video",
        "a video or sound",
        "videos or sounds",
        "save single frames as PNG, for example with: ffmpeg -i VIDEO -vf fps=1 frame-%04d.png",
        ".mp4 .mov .avi .mkv .webm .mpg .mpeg .wmv .m4v .3gp .flv .mts .mp3 .wav .m4a",
    ),
    (
        "unfinished-download",
        "an unfinished download",
        "unfinished downloads",
        "download it again",
        ".part .partial .crdownload .download .aria2 .tmp",
    ),
    (
        "array-file",
        "a file of numbers or packed records, which is not read as images",
        "files of numbers or packed records, which are not read as images",
        "if images lie inside, import it by itself (.parquet, .arrow, .rec, .bin, .npz and .npy are read), or write "
        "them as PNG files, for example with: PIL.Image.fromarray(pixels).save(name)",
        ".npy .npz .h5 .hdf5 .pkl .pickle .pt .pth .onnx .rec .idx .bin .lmdb .mdb .tfrecord .tfrecords .f32 .arrow",
    ),
    ("program", "a program", "programs", "", ".py .r .m .sh .bat .exe .dll .so .ipynb .c .cpp .h .js .java .jl"),
)
_OTHER = ("other-file", "no image of a format that is known", "no images of a format that is known", "", "")


@dataclass(frozen=True)
class FileCounts:
    """What became of the files of a data set before any was decoded."""

    found: int
    images: int
    lists: int
    """Tables and lists that were read."""

    @property
    def left_out(self) -> int:
        """Count the files that are left out, each with a reason among the problems."""
        return self.found - self.images - self.lists


def account(
    files: Files, images: Sequence[LabelledImage], tables: Sequence[str], told: Sequence[Problem]
) -> tuple[FileCounts, list[Problem]]:
    """Return how many files became what, and a reason for each that no problem names so far.

    ``tables`` are the bare names of the label tables that were read, and ``told`` the problems so far.
    """
    taken = {image.name for image in images}
    read = {
        name for name in (*files.tables, *files.others) if name in files.lists or PurePosixPath(name).name in tables
    }
    explained = {name for problem in told for name in problem_names(problem)}
    rest = [name for name in (*files.images, *files.tables, *files.others) if name not in taken | read | explained]
    by_kind: dict[tuple[str, str, str, str, str], list[str]] = {}
    for name in rest:
        by_kind.setdefault(_kind(name, files), []).append(name)
    problems = [
        problem
        for (code, one, several, advice, _), names in sorted(by_kind.items())
        for problem in summarise_problems(
            code,
            sorted(names),
            one=f"{{name}} is {one}, and was left out{f'; {advice}' if advice else ''}.",
            many=f"{{n}} files ({{first}}) are {several}, and were left out{f'; {advice}' if advice else ''}.",
            few=1,
        )
    ]
    return FileCounts(files.total, len(taken), len(read)), problems


def _kind(name: str, files: Files) -> tuple[str, str, str, str, str]:
    end = suffix_of(name)
    if name in files.images:
        return ("not-taken", "an image that the format does not take", "images that the format does not take", "", "")
    if name in files.others and is_table_name(name):  # called like an image, which `list_files` looks at
        return next(kind for kind in _KINDS if kind[0] == "sidecar")
    return next((kind for kind in _KINDS if end and end in kind[4].split()), _OTHER)
