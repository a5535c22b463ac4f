"""Reference speeds: what pieces of work took once, on one core of an x86-64 server that did nothing else.

Measured by `benchmarks/estimates.py --reference` as processor time, on demo faces of 240 x 300 and of 480 x 600 pixels;
those of what a job takes besides its pieces (``rest``), how far attacks and learning grow with the number of images,
and what ``semantic`` takes were read from whole jobs on the demo set. ``judge`` and ``panel`` are without their scores.
What was measured on an installation corrects them.
"""

from __future__ import annotations

REFERENCE: dict[str, tuple[float, float]] = {
    "alone|audit": (0.4, 0.02),
    "alone|audit of a run": (2.0, 0.2),
    "alone|short audit": (1.0, 0.05),
    "alone": (0.1, 0.005),
    "appearance": (0.0021, 4.4e-09),
    "attack|detector": (0.06, 0.0033),
    "attack|ensemble": (0.14, 0.0077),
    "attack|joined|in full": (0.19, 0.010),
    "attack|joined|in short": (0.075, 0.0042),
    "attack|pooled": (0.13, 0.0074),
    "attack|restoring": (0.11, 0.0061),
    "attack|retrained": (0.25, 0.014),
    "attack|score": (0.12, 0.0068),
    "attack|several-images": (0.05, 0.0027),
    "attack|sign": (0.0025, 0.00015),
    "attack|template|in full": (0.18, 0.0097),
    "attack|template|in short": (0.023, 0.0013),
    "attack|texture": (0.037, 0.0021),
    "attack": (0.1, 0.006),
    "demo-faces": (1.1, 0.0),
    "import": (0.05, 0.0),
    "judge": (0.0, 7.6e-07),
    "landmarks": (0.16, 0.0),
    "learn": (3.0, 0.02),
    "panel": (0.041, 1.2e-06),
    "perturb|algorithm1": (0.18, 0.0),
    "perturb|colour-field": (0.15, 1.3e-06),
    "perturb|descent": (0.06, 2.3e-06),
    "perturb|mixing": (0.002, 2.4e-07),
    "perturb|semantic": (0.3, 8e-06),
    "perturb": (0.1, 1e-06),
    "protect|ive": (1.0, 0.085),
    "protect|multi-ive": (1.0, 0.085),
    "protect|none": (0.5, 0.02),
    "protect": (1.0, 0.035),
    "quality": (0.1, 0.0),
    "residuals": (0.0047, 7.1e-09),
    "restored|dlib-gender": (0.012, 0.0),
    "restored|levi-hassner": (0.12, 3.2e-07),
    "restored": (0.1, 0.0),
    "restoring": (0.097, 1.2e-07),
    "rest|run": (6.0, 0.0),
    "rest|audit": (8.0, 0.0),
    "rest|audit of a run": (12.0, 0.0),
    "rest": (3.0, 0.0),
    "score|dlib-gender": (0.0045, 0.0),
    "score|levi-hassner": (0.064, 2.3e-07),
    "score": (0.1, 0.0),
    "template|dlib-resnet": (0.0056, 0.0),
    "template|sface": (0.011, 3.9e-08),
    "template": (0.05, 0.0),
    "texture-map": (0.001, 5.2e-09),
}
"""Seconds a step, and seconds for each unit that a step grows with: a pixel of an image, an image of an audit or of
what is learnt from, or a template and parting; by piece, or by the first words of several."""
