"""A program as `facepriv model add` takes one: reads lines of JSON, answers each with a gender score."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def main(file: str) -> None:
    """Answer until there is no further line."""
    numbers = json.loads(Path(file).read_text(encoding="utf-8"))
    slopes, bias = np.array(numbers["slopes"]), numbers["bias"]
    for line in sys.stdin:
        request = json.loads(line)
        with Image.open(request["image"]) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=float)
        grey = pixels @ [0.299, 0.587, 0.114] / 255
        answer = {"id": request["id"]}
        if grey.size == slopes.size:
            answer["score"] = float(grey.ravel() @ slopes + bias)
        else:
            answer["error"] = "expected a crop of 24 x 24 pixels"
        # Without flush an answer would wait in a buffer, and facepriv for it.
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
