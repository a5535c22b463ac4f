"""Import a large folder and say what it takes: images a second, and the most memory that the importing process held.

Makes a folder of small JPEGs from the demo faces, whose bytes all differ so that none is refused as a copy. All but
``--fresh`` of them decode to faces that a data set here has already, so that their faces are found by content; of the
others a few pixels differ and their faces are looked for. Run: python benchmarks/import_at_scale.py --images 13000
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.services.datasets.importing import import_demo
from facepriv.store import open_store


def main() -> None:
    """Make the folder, import it by the command line, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=13_000)
    parser.add_argument("--fresh", type=int, default=130, help="images whose faces are not known")
    parser.add_argument("--quality", action="store_true", help="also check the quality")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facepriv-scale-") as folder:
        settings = Settings(home=Path(folder) / "home")
        with open_store(settings) as store:
            import_demo(store, settings, images_per_subject=None, name="known")
        source = Path(folder) / "faces"
        fresh = write_images(source, asked.images, asked.fresh)
        begun = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "facepriv", "import", str(source), "--name", "many", "--no-quality"],
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        with open_store(settings) as store:
            record = store.datasets.get("many")
            counts = store.datasets.counts(record.id)
        print(
            f"{counts.images:,} images of {counts.subjects:,} subjects in {seconds:.0f} s, "
            f"{counts.images / seconds:.1f} images/s; {counts.images - fresh:,} faces known by content, "
            f"{fresh:,} looked for; the importing process held {peak:.0f} MB at most"
        )
        if asked.quality:
            begun = time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "facepriv", "quality", "many"],
                env={**os.environ, **settings.environment()},
                check=True,
            )
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"quality checked in {time.monotonic() - begun:.0f} s, {peak:.0f} MB at most of both processes")


def write_images(folder: Path, images: int, fresh: int) -> int:
    """Write so many JPEGs, one folder a subject, and give of how many the face is not known."""
    originals = sorted((demo_folder() / "images").rglob("*.jpg"))
    every = max(1, images // fresh) if fresh else images + 1
    changed = 0
    for number in range(images):
        original = originals[number % len(originals)]
        target = folder / f"{original.parent.name}-{number // len(originals)}" / f"{number:06}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        if number % every == every - 1:
            target.write_bytes(with_other_corner(original, number))
            changed += 1
        else:
            # Behind the end of the picture: other bytes, the same pixels.
            target.write_bytes(original.read_bytes() + number.to_bytes(4, "big"))
    return changed


def with_other_corner(file: Path, number: int) -> bytes:
    """Give the picture with some pixels of a corner changed."""
    pixels = np.array(PIL.Image.open(file).convert("RGB"))
    pixels[:8, :8] = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


if __name__ == "__main__":
    main()
