"""The demo's tools: they look at the Python packages that are installed on this machine.

A decorator records each call as a span, its arguments as the input and its result as the output.
Outside a run the functions work just the same, unrecorded.
"""

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import trodo_cli as trodo


@dataclass(frozen=True)
class PackageFacts:
    """What a package says of itself."""

    name: str
    version: str
    summary: str
    licence: str
    needs: list[str]

    def __str__(self) -> str:
        """The facts as sentences, for the model."""
        said = self.summary.strip().rstrip(".") or "nothing"
        needs = ", ".join(self.needs) or "no other package"
        return (
            f"{self.name} {self.version} says of itself: {said}.\n"
            f"The licence of {self.name} is {self.licence}, and it needs {needs}."
        )


@dataclass(frozen=True)
class CodeFacts:
    """What a package brings along."""

    name: str
    files: int
    size_bytes: int
    modules: int
    code_lines: int

    def __str__(self) -> str:
        """The facts as sentences, for the model."""
        return (
            f"{self.name} installs {self.files:,} files of {self.size_bytes:,} bytes in all.\n"
            f"The code of {self.name} has {self.code_lines:,} lines in {self.modules:,} Python modules."
        )


@dataclass(frozen=True)
class Hit:
    """A package that a search found, with the number of words that it shares with the query."""

    name: str
    summary: str
    score: int

    def __str__(self) -> str:
        """The hit as a sentence, for the model."""
        return f"{self.name}: {self.summary.rstrip('.')}."


@trodo.tool
def list_packages() -> list[str]:
    """The names of all installed packages."""
    names = {name for found in distributions() if (name := _field(found, "name"))}
    return sorted(names, key=str.lower)


@trodo.tool
def list_requirements(package: str) -> list[str]:
    """The installed packages that a package needs; none for one that is not installed itself."""
    try:
        return [name for name in _requirements(distribution(package)) if _is_installed(name)]
    except PackageNotFoundError:
        return []


@trodo.retrieval
def search_packages(query: str, limit: int = 4) -> list[Hit]:
    """The packages whose name and summary share most words with the query."""
    hits: dict[str, Hit] = {}
    for found in distributions():
        name, summary = _field(found, "name"), _field(found, "summary")
        if shared := _words(query) & _words(f"{name} {summary}"):
            hits[name] = Hit(name, summary, len(shared))
    return sorted(hits.values(), key=lambda hit: (-hit.score, hit.name))[:limit]


@trodo.retrieval
def read_metadata(package: str) -> PackageFacts:
    """What a package says of itself; raises `PackageNotFoundError` for one that is not installed."""
    found = distribution(package)
    return PackageFacts(
        name=_field(found, "name"),
        version=found.version,
        summary=_field(found, "summary"),
        licence=_field(found, "license_expression") or _field(found, "license") or "not stated",
        needs=_requirements(found),
    )


@trodo.tool
def measure_code(package: str) -> CodeFacts:
    """Count a package's files, their size, and its lines of Python that are neither blank nor comment."""
    listed = [Path(str(entry.locate())) for entry in distribution(package).files or ()]
    files = [path for path in listed if path.is_file()]
    modules = [path for path in files if path.suffix == ".py"]
    return CodeFacts(
        name=package,
        files=len(files),
        size_bytes=sum(path.stat().st_size for path in files),
        modules=len(modules),
        code_lines=sum(map(_code_lines, modules)),
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def _field(found: Distribution, name: str) -> str:
    """The first line of a field of a package's metadata; empty when it has none."""
    lines = str(found.metadata.json.get(name, "")).strip().splitlines()
    return lines[0] if lines else ""


def _requirements(found: Distribution) -> list[str]:
    """What a package needs by itself, without its optional extras."""
    plain = (line for line in found.requires or () if "extra ==" not in line)
    return [name[0] for line in plain if (name := re.match(r"[\w.-]+", line))]


def _is_installed(package: str) -> bool:
    try:
        return bool(distribution(package))
    except PackageNotFoundError:
        return False


def _code_lines(module: Path) -> int:
    lines = (line.strip() for line in module.read_bytes().splitlines())
    return sum(1 for line in lines if line and not line.startswith(b"#"))
