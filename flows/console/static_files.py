"""Static files: style sheets and scripts, each at an address that has its hash, so that browsers keep it for ever."""

import hashlib
import mimetypes
from pathlib import Path
from typing import Final, NamedTuple

DIRECTORY: Final = Path(__file__).parent / "static"


class StaticFile(NamedTuple):
    """One file, whole."""

    body: bytes
    content_type: str


class StaticFiles:
    """All files of the directory, read once: no address leads to any other file."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self.by_path: dict[str, StaticFile] = {}
        self._paths: dict[str, str] = {}
        for file in sorted(directory.rglob("*")):
            content_type = mimetypes.guess_type(file.name)[0]
            if file.suffix in (".css", ".js", ".svg") and content_type is not None:
                name, body = file.relative_to(directory).as_posix(), file.read_bytes()
                path = f"/static/{hashlib.sha256(body).hexdigest()[:16]}/{name}"
                self._paths[name] = path
                self.by_path[path] = StaticFile(body, content_type)

    def path_of(self, name: str) -> str:
        """Return a file's address, such as of `console.css`. Raises KeyError."""
        return self._paths[name]
