"""Who does something in tests."""

from __future__ import annotations

from facepriv.types import Actor

ADA, BOB, EVE = (Actor(name, "dashboard") for name in ("ada", "bob", "eve"))
CLI, LOCAL = Actor("cli", "command line"), Actor("local", "dashboard")
TEST, TESTER = Actor("test", "python"), Actor("tester", "python")
