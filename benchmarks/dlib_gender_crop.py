"""How the dlib-gender network fares with the linear crop that guides and with dlib's own chip, which judges.

Usage: python benchmarks/dlib_gender_crop.py FOLDER   (a folder that `facepriv import` reads), or --demo
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from facepriv.classify.dlib import DlibGender
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import take_crop
from facepriv.imaging.decode import decode
from facepriv.metrics.gender import gender_error

MAX_PIXELS = 50_000_000


def main() -> None:
    """Print both errors and the correlation of the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--demo", action="store_true", help="use the demo set, two images of each subject")
    options = parser.parse_args()
    if options.folder is None and not options.demo:
        parser.error("name a folder, or use --demo")
    read = read_demo(images_per_subject=2) if options.demo else read_folder(options.folder)
    network = DlibGender()
    ours, theirs, labels = [], [], []
    for image in read.images:
        if image.label is None:
            continue
        pixels = decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels
        face = acquire(pixels, several="largest")
        ours.append(network.score(take_crop(network.crop(face), pixels)[None])[0])
        theirs.append(network.score_published(face))
        labels.append(image.label)
    print(f"{len(labels)} images")
    for name, scores in (("our linear crop", ours), ("dlib's chip", theirs)):
        rates = gender_error(np.array(scores), np.array(labels))
        print(f"error with {name:16} all {rates.all:.4f}  women {rates.female:.4f}  men {rates.male:.4f}")
    print(f"correlation of the scores   {np.corrcoef(ours, theirs)[0, 1]:.4f}")
    print(f"mean size of our scores     {np.abs(ours).mean():.1f} nats")


if __name__ == "__main__":
    main()
