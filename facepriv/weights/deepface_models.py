"""deepface's models: which ones, under which licence, and where their weights lie.

deepface fetches weights by itself at first use; facepriv must not. So a model is used only from a file that lies in the
data folder and has the SHA-256 that its authors publish or that was recorded when it was fetched (ADR 0005).
`facepriv.weights.deepface_clients` opens them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from facepriv.types import ModelCard, WeightFile
from facepriv.weights.files import data_path, read_sums

FOLDER = "deepface/.deepface/weights"
"""Folder of the weights inside the data folder, laid out so that ``DEEPFACE_HOME=<data folder>/deepface`` fits it."""
ORIGIN = "https://github.com/serengil/deepface_models/releases/download/v1.0/"
CONVERTED = "converted by github.com/serengil/deepface"
FROM_VGG = "that of VGG-Face, on which it was trained further; said to be non-commercial"
STANDS_IN = (
    "Tested with a small network of the same signature; with these weights it was not run when this release was made."
)
REAL = "Tested with these weights."
REAL_INT8 = "Tested with the 8-bit weights of the same network that the matcher sface uses."
TRUSTED = "Weights trusted at first fetch, see ADR 0005."


@dataclass(frozen=True)
class DeepFaceModel:
    """One of deepface's models, as deepface calls it and as facepriv does."""

    name: str
    """Name in facepriv's registry."""
    kind: Literal["classifier", "matcher"]
    deepface_name: str
    """Name in deepface's own table."""
    file: str
    """Weight file that deepface asks for, inside its weight folder."""
    url: str
    title: str
    licence: str
    source: str
    input_shape: tuple[int, int]
    """Width and height of its input, as deepface gives them."""
    outputs: int
    """Numbers of a template, or classes."""
    checked: str
    """What the adapter was tested with, in a sentence."""
    threshold: float | None = None
    """Least cosine similarity that deepface takes for the same person: one less its ``find_threshold``."""
    sha256: str = ""
    """Published SHA-256; empty where none is known."""
    bytes: int | None = None
    """Published size of the weights; None where none is known."""
    runtime: Literal["onnx", "dlib", "insightface"] = "onnx"
    """Through what deepface runs it."""
    packed: bool = False
    """Whether ``url`` leads to the weights packed by bzip2."""
    carrier: WeightFile | None = None
    """The same file in an installed package, which spares a download."""
    remark: str = ""

    @property
    def task(self) -> str:
        """Section of deepface's table that holds the model."""
        return "facial_recognition" if self.kind == "matcher" else "facial_attribute"

    @property
    def inside(self) -> str:
        """Path of the weight file inside the data folder."""
        return f"{FOLDER}/{self.file}"

    @property
    def notes(self) -> str:
        """What a user must know besides licence and source."""
        width, height = self.input_shape
        if self.threshold is None:
            what = f"Input {width} x {height}, {self.outputs} classes"
        else:
            what = (
                f"{self.outputs}-d, input {width} x {height}; deepface's customary threshold on the cosine is "
                f"{self.threshold:g}"
            )
        parts = [f"{what}.", self.remark, self.checked, "" if self.sha256 else TRUSTED]
        return " ".join(part for part in parts if part)


_matcher = partial(DeepFaceModel, kind="matcher", checked=STANDS_IN)
"""Describe a recognition network that was not run with its own weights."""
_classifier = partial(
    DeepFaceModel,
    kind="classifier",
    licence=FROM_VGG,
    source="Serengil, github.com/serengil/deepface, trained further from VGG-Face",
    input_shape=(224, 224),
    checked=STANDS_IN,
)
"""Describe an attribute network of deepface's own release."""

VGG_FACE = _matcher(
    name="deepface-vgg-face",
    deepface_name="VGG-Face",
    file="vgg_face_weights.onnx",
    url=ORIGIN + "vgg_face_weights.onnx",
    title="VGG-Face by deepface",
    licence="set by the Visual Geometry Group, Oxford; said to be non-commercial: ask them for more",
    source="Parkhi et al. 2015, " + CONVERTED,
    input_shape=(224, 224),
    outputs=4096,
    threshold=0.32,
)
FACENET = _matcher(
    name="deepface-facenet",
    deepface_name="Facenet",
    file="facenet_weights.onnx",
    url=ORIGIN + "facenet_weights.onnx",
    title="FaceNet, 128-d, by deepface",
    licence="MIT (code of davidsandberg/facenet); nothing stated for the weights themselves",
    source="Schroff et al. 2015, trained by Sandberg, " + CONVERTED,
    input_shape=(160, 160),
    outputs=128,
    threshold=0.60,
)
FACENET512 = _matcher(
    name="deepface-facenet512",
    deepface_name="Facenet512",
    file="facenet512_weights.onnx",
    url=ORIGIN + "facenet512_weights.onnx",
    title="FaceNet, 512-d, by deepface",
    licence="MIT (code of davidsandberg/facenet); nothing stated for the weights themselves",
    source="Schroff et al. 2015, trained by Sandberg, " + CONVERTED,
    input_shape=(160, 160),
    outputs=512,
    threshold=0.70,
)
ARCFACE = _matcher(
    name="deepface-arcface",
    deepface_name="ArcFace",
    file="arcface_weights.onnx",
    url=ORIGIN + "arcface_weights.onnx",
    title="ArcFace by deepface",
    licence="MIT (code of leondgarse/Keras_insightface); nothing stated for the weights themselves",
    source="Deng et al. 2019, trained by leondgarse, " + CONVERTED,
    input_shape=(112, 112),
    outputs=512,
    threshold=0.32,
)
SFACE = DeepFaceModel(
    name="deepface-sface",
    kind="matcher",
    deepface_name="SFace",
    file="face_recognition_sface_2021dec.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_recognition_sface/"
    "face_recognition_sface_2021dec.onnx",
    title="SFace by deepface",
    licence="Apache-2.0",
    source="Zhong et al. 2021, github.com/opencv/opencv_zoo",
    input_shape=(112, 112),
    outputs=128,
    checked=REAL_INT8,
    threshold=0.407,
    sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    bytes=38_696_353,
    remark="The network of the matcher sface at full precision.",
)
GHOSTFACENET = _matcher(
    name="deepface-ghostfacenet",
    deepface_name="GhostFaceNet",
    file="ghostfacenet_v1.onnx",
    url=ORIGIN + "ghostfacenet_v1.onnx",
    title="GhostFaceNet by deepface",
    licence="MIT (code of HamadYA/GhostFaceNets); nothing stated for the weights themselves",
    source="Alansari et al. 2023, " + CONVERTED,
    input_shape=(112, 112),
    outputs=512,
    threshold=0.35,
)
OPENFACE = _matcher(
    name="deepface-openface",
    deepface_name="OpenFace",
    file="openface_weights.onnx",
    url=ORIGIN + "openface_weights.onnx",
    title="OpenFace by deepface",
    licence="set by iwantooxxoox/Keras-OpenFace, whose licence was not seen; nothing stated for the weights themselves",
    source="Amos et al. 2016, " + CONVERTED,
    input_shape=(96, 96),
    outputs=128,
    threshold=0.90,
)
DEEPID = _matcher(
    name="deepface-deepid",
    deepface_name="DeepID",
    file="deepid_weights.onnx",
    url=ORIGIN + "deepid_weights.onnx",
    title="DeepID by deepface",
    licence="set by Ruoyiran/DeepID, whose licence was not seen; nothing stated for the weights themselves",
    source="Sun et al. 2014, " + CONVERTED,
    input_shape=(47, 55),
    outputs=160,
    threshold=0.985,
)
DLIB = DeepFaceModel(
    name="deepface-dlib",
    kind="matcher",
    deepface_name="Dlib",
    file="dlib_face_recognition_resnet_model_v1.dat",
    url="https://dlib.net/files/dlib_face_recognition_resnet_model_v1.dat.bz2",
    title="dlib face recognition ResNet v1 by deepface",
    licence="CC0-1.0",
    source="King 2017, github.com/davisking/dlib-models",
    input_shape=(150, 150),
    outputs=128,
    checked=REAL,
    threshold=0.93,
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    bytes=22_466_066,
    runtime="dlib",
    packed=True,
    carrier=WeightFile(
        name="dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        package="face_recognition_models",
        inside="models/dlib_face_recognition_resnet_model_v1.dat",
    ),
    remark="The network of the matcher dlib-resnet on the same chip of the face: the two tell little more than one.",
)
BUFFALO_L = DeepFaceModel(
    name="deepface-buffalo-l",
    kind="matcher",
    deepface_name="Buffalo_L",
    file="buffalo_l/webface_r50.onnx",
    url="https://drive.google.com/uc?export=download&confirm=pbef&id=1N0GL-8ehw_bz2eZQWz2b0A5XBdXdxZhg",
    title="InsightFace ResNet-50 (Buffalo_L) by deepface",
    licence="set by InsightFace: models for non-commercial research only",
    source="Deng et al. 2019, Zhu et al. 2021 (WebFace600K), github.com/deepinsight/insightface",
    input_shape=(112, 112),
    outputs=512,
    checked=STANDS_IN,
    threshold=0.45,
    runtime="insightface",
    remark="Run without the package insightface.",
)
GENDER = _classifier(
    name="deepface-gender",
    deepface_name="Gender",
    file="gender_model_weights.onnx",
    url=ORIGIN + "gender_model_weights.onnx",
    title="deepface gender network",
    outputs=2,
    remark="Binary, as its training labels were.",
)
AGE = _classifier(
    name="deepface-age",
    deepface_name="Age",
    file="age_model_weights.onnx",
    url=ORIGIN + "age_model_weights.onnx",
    title="deepface age network",
    outputs=101,
    remark="Apparent age from 0 to 100 years, in two groups; deepface-age@30 puts the boundary at 30 years, not 40.",
)
RACE = _classifier(
    name="deepface-race",
    deepface_name="Race",
    file="race_model_single_batch.onnx",
    url=ORIGIN + "race_model_single_batch.onnx",
    title="deepface race network",
    outputs=6,
    remark="Six words of its makers, which measure nobody; told as one against the rest, as in deepface-race@black.",
)

MATCHERS = (
    VGG_FACE,
    FACENET,
    FACENET512,
    ARCFACE,
    SFACE,
    GHOSTFACENET,
    OPENFACE,
    DEEPID,
    DLIB,
    BUFFALO_L,
)
MODELS: dict[str, DeepFaceModel] = {model.name: model for model in (*MATCHERS, GENDER, AGE, RACE)}


def record_path(model: DeepFaceModel) -> Path:
    """Return where the SHA-256 of a model's weights is recorded: beside them, in the format of ``sha256sum``."""
    path = data_path(model.inside)
    return path.with_name(path.name + ".sha256")


def known_sha256(model: DeepFaceModel) -> str:
    """Return the SHA-256 that the weights must have: the published or the recorded one; empty if there is neither."""
    return model.sha256 or read_sums(record_path(model)).get(Path(model.file).name, "")


def card_of(model: DeepFaceModel) -> ModelCard:
    """Return a model's card with the hash that is known at this moment."""
    weight = WeightFile(
        name=model.file,
        sha256=known_sha256(model),
        package="",
        inside=model.inside,
        url=model.url,
        bytes=model.bytes,
    )
    return ModelCard(
        name=model.name,
        kind=model.kind,
        title=model.title,
        licence=model.licence,
        source=model.source,
        weights=(weight,),
        notes=model.notes,
    )
