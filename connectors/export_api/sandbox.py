"""A stand-in of Amplitude's Export API: its documented checks and answers, out of archives that are there."""

import io
import re
import zipfile
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from aiohttp import web

from connectors.export_api.hours import name_of, parse_hour

_MEMBER: Final = re.compile(r"_([0-9]{4}-[0-9]{2}-[0-9]{2})_([0-9]{1,2})#[0-9]+\.json\.gz$")
_PARAMETER: Final = re.compile(r"[0-9]{8}T[0-9]{2}")
_LONGEST: Final = timedelta(days=365)
_TEXTS: Final = {
    400: "the exported data is larger than 4 GB",
    401: "no Basic authorization",
    403: "wrong API key or secret key",
    404: "no data in this time",
    405: "GET only",
    429: "slow down",
    504: "time-out, because there is much data",
}


class ExportSandbox:
    """Answers requests for hours with the members of archives, as Amplitude names them: `APP/APP_DATE_HOUR#N.json.gz`.

    `keys` are the API key and the secret key that are right; by default any are. `first_answers` are the statuses of
    the first requests with right keys, whatever they ask for; 200 is as documented. Raises ValueError where an archive
    cannot be read, or none has such a member.
    """

    def __init__(
        self,
        archives: Sequence[Path],
        keys: tuple[str, str] | None = None,
        first_answers: Sequence[int] = (),
    ) -> None:
        self._authorization = None if keys is None else f"Basic {b64encode(':'.join(keys).encode()).decode()}"
        self.first_answers = deque(first_answers)
        self.requests: list[tuple[str, int]] = []
        """The query of each request, and how it was answered."""
        self._members: defaultdict[datetime, list[tuple[Path, str]]] = defaultdict(list)
        for path in archives:
            for name in _names(path):
                if found := _MEMBER.search(name):
                    self._members[parse_hour(f"{found[1]}T{int(found[2]):02}")].append((path, name))
        if not self._members:
            raise ValueError(f"{', '.join(map(str, archives))}: no file in it is named as Amplitude names an hour's")

    @property
    def span(self) -> str:
        """The first and the last hour that it has."""
        return f"{name_of(min(self._members))} to {name_of(max(self._members))}"

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        status, body = self._found(request)
        self.requests.append((request.query_string, status))
        if body is not None:
            return web.Response(body=body, content_type="application/zip")
        return web.Response(status=status, text=f"{_TEXTS.get(status, 'as it was told')}\n")

    def _found(self, request: web.BaseRequest) -> tuple[int, bytes | None]:
        if request.method != "GET":
            return 405, None
        authorization = request.headers.get("Authorization", "")
        if not authorization.startswith("Basic "):
            return 401, None
        if self._authorization not in (None, authorization):
            return 403, None
        if self.first_answers and (status := self.first_answers.popleft()) != web.HTTPOk.status_code:
            return status, None
        first, last = (_hour(request.query.get(name, "")) for name in ("start", "end"))
        if first is None or last is None or not timedelta() <= last - first <= _LONGEST:
            return 400, None
        members = [each for hour in sorted(self._members) if first <= hour <= last for each in self._members[hour]]
        return (200, _zip(members)) if members else (404, None)


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read as a zip") from error


def _hour(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if _PARAMETER.fullmatch(text) else None
    except ValueError:
        return None


def _zip(members: Iterable[tuple[Path, str]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as into:
        for path, name in members:
            with zipfile.ZipFile(path) as archive:
                into.writestr(zipfile.ZipInfo(name), archive.read(name))
    return packed.getvalue()
