"""What a run can be found by."""

from typing import Any

from trodo_cli.wire.values import text_of

MAX_TAG_CHARACTERS = 200


def run_tags(metadata: dict[str, Any]) -> tuple[str, ...]:
    """The list under `tags`, and every short value as `key=value`."""
    listed = metadata.get("tags")
    tags = [text_of(tag) for tag in listed] if isinstance(listed, list | tuple | set) else []
    tags += [
        f"{k}={v}" for k, v in metadata.items() if k != "tags" and isinstance(v, str | int | bool | float)
    ]
    return tuple(tag for tag in tags if len(tag) <= MAX_TAG_CHARACTERS)
