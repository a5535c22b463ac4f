"""What data sets say beyond gender: other attributes, terms, data sheets, quality reports and published protocols.

Also what an interrupted import needs to go on.
"""

# There is no way down: to go back, restore the backup taken before the upgrade.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("identities", sa.String(8), nullable=False, server_default=sa.text("'people'")))
    for said in ("terms", "datasheet", "quality"):
        op.add_column("datasets", sa.Column(said, sa.JSON(none_as_null=True), nullable=True))
    op.add_column("datasets", sa.Column("resume_key", sa.String(64), nullable=True))
    op.add_column("datasets", sa.Column("importer", sa.String(16), nullable=True))
    op.add_column("images", sa.Column("attributes", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "protocol_pairs",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("fold", sa.Integer(), nullable=False),
        sa.Column("first_image_id", sa.Integer(), nullable=False),
        sa.Column("second_image_id", sa.Integer(), nullable=False),
        sa.Column("mated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_protocol_pairs_dataset_id_datasets"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["first_image_id"], ["images.id"], name=op.f("fk_protocol_pairs_first_image_id_images"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_image_id"],
            ["images.id"],
            name=op.f("fk_protocol_pairs_second_image_id_images"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_protocol_pairs")),
    )
    op.create_index(op.f("ix_protocol_pairs_first_image_id"), "protocol_pairs", ["first_image_id"])
    op.create_index(op.f("ix_protocol_pairs_second_image_id"), "protocol_pairs", ["second_image_id"])
