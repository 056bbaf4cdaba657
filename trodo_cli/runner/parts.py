"""The parts of sources of agents: each file, and each function of a module, is a source by itself."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from trodo_cli.config import AgentSource


def parts_of(sources: Sequence[AgentSource]) -> list[AgentSource]:
    """The parts as they are now, each once: the files of a folder in the order of their names."""
    found: dict[tuple[str, str], AgentSource] = {}
    for source in sources:
        for part in _parts(source):
            found.setdefault((part.place, part.function), part)
    return list(found.values())


def _parts(source: AgentSource) -> Iterator[AgentSource]:
    folder = Path(source.place)
    if source.function or folder.is_file():
        yield source
        return
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith(("_", ".")):
            shown = f"{source.shown.rstrip('/')}/{path.name}"
            yield msgspec.structs.replace(source, shown=shown, place=str(path))
