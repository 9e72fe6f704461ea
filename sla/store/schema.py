"""What both databases say about a schema that they cannot work with."""

from sla.store.errors import SchemaRefused


def refuse_newer(found: int, known: int, *, where: str) -> None:
    """Raises SchemaRefused if the version found is newer than the one known."""
    if found > known:
        raise SchemaRefused(
            f"sla: {where} was written by a newer novacenter (schema {found}, this one knows {known}); "
            "run the newer version, or use another database"
        )
