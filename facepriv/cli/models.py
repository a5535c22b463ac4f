"""`facepriv models`."""

from __future__ import annotations

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.printing import show_table
from facepriv.wording import size_of


def models(json_file: JsonFile = None) -> None:
    """List the models: which are usable here, under which licence, and how to get the others."""
    from facepriv.services.models.catalogue import list_models

    statuses = list_models()
    show_table(
        "Models",
        [
            {
                "Name": status.card.name,
                "Kind": status.kind + (f" of {status.attribute}" if status.attribute else ""),
                "State": status.state,
                "Size": size_of(status.bytes),
                "Version": status.card.version,
                "Licence": status.card.licence,
                "Notes": f"Get it with: {status.how}"
                if status.state == "not here"
                else status.reason or status.card.notes,
            }
            for status in statuses
        ],
    )
    rows = [
        {
            "name": status.card.name,
            "kind": status.kind,
            "attribute": status.attribute,
            "title": status.card.title,
            "usable": status.usable,
            "state": status.state,
            "reason": status.reason,
            "how": status.how,
            "bytes": status.bytes,
            "version": status.card.version,
            "licence": status.card.licence,
            "source": status.card.source,
            "notes": status.card.notes,
        }
        for status in statuses
    ]
    write_json(json_file, {"schema": "facepriv.models/1", "models": rows})
