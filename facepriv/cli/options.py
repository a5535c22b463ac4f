"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Executor = Annotated[
    str | None,
    typer.Option(help="Compute from here by processes, or on a cluster by dask, instead of by this machine's worker."),
]
Scheduler = Annotated[
    str | None, typer.Option(help="With --executor dask: address of its scheduler, such as tcp://10.0.0.1:8786.")
]
LandmarkerOption = Annotated[
    str,
    typer.Option(
        "--landmarker", help="Whose points make the triangles that a method moves; see facepriv models, kind landmarks."
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only put it into the queue; facepriv follow shows it.")]
Replace = Annotated[bool, typer.Option("--replace", help="In place of the one of that name.")]
