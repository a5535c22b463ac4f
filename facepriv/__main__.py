"""``python -m facepriv``."""

from facepriv.cli import main

if __name__ == "__main__":
    main()
