"""From pixels to faces: decoding, detection, landmarks, crops, triangles, image quality."""
