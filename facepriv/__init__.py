"""Audit how much gender a face database leaks, and perturb it while face matchers keep working."""

import os

__version__ = "0.1.0"

# ONNX Runtime 1.29 and later report every opened graph to their publisher, unless this is set before the import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
