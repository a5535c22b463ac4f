from __future__ import annotations

from importlib.metadata import version

from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.measures.fingerprint import COMPUTING, fingerprint, landmarks_fingerprint
from facepriv.schemas.base import ModelRef


def test_what_is_kept_is_another_makers_once_anything_but_the_image_has_changed(monkeypatch):
    """Weights, facepriv, a plug-in's own release, and every library that computes."""
    ref = ModelRef(name="dlib-gender", version="a")
    fingerprints = [
        fingerprint(ref),
        fingerprint(ref.model_copy(update={"version": "b"})),
        fingerprint(ref.model_copy(update={"name": "c"})),
    ]
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.__version__", "0.0.0")
        fingerprints.append(fingerprint(ref))
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.measures.fingerprint.classifiers.release", lambda name: f"plug-in of {name} 2")
        fingerprints.append(fingerprint(ref))
    for library in COMPUTING:
        with monkeypatch.context() as patched:
            patched.setattr(
                "facepriv.measures.fingerprint.version",
                lambda name, new=library: "new" if name == new else version(name),
            )
            fingerprints.append(fingerprint(ref))
    fingerprints.append(fingerprint(ref, fingerprints[1]))
    assert len(set(fingerprints)) == len(fingerprints) == 6 + len(COMPUTING)
    assert fingerprint(ref) == fingerprints[0]


def test_points_are_another_makers_once_their_library_was_built_anew(monkeypatch):
    dlib, stasm = (landmarkers.create(name) for name in ("dlib-68", "stasm-77"))
    fingerprints = [
        landmarks_fingerprint(stasm),
        landmarks_fingerprint(dlib),
        landmarks_fingerprint(stasm, "another detector"),
    ]
    with monkeypatch.context() as patched:
        patched.setattr(type(stasm), "build", "another build")
        fingerprints.append(landmarks_fingerprint(stasm))
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.measures.fingerprint.landmarkers.release", lambda name: f"plug-in of {name} 2")
        fingerprints.append(landmarks_fingerprint(stasm))
    assert len(set(fingerprints)) == len(fingerprints)
    assert landmarks_fingerprint(stasm) == fingerprints[0]
