"""Document: figures in a Markdown file, between two markers, so that the text around them stays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

PERFORMANCE: Final = Path(__file__).parents[3] / "docs" / "performance.md"
_BEGIN: Final = "<!-- measured: {name} -->"
_END: Final = "<!-- end: {name} -->"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(path: Path, name: str, content: str) -> None:
    """Put the content between the markers of that name. Raises ValueError where they are not there."""
    text = path.read_text(encoding="utf-8")
    begin, end = _BEGIN.format(name=name), _END.format(name=name)
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"{path} has no place for it: {begin} … {end}")
    path.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}", encoding="utf-8")
