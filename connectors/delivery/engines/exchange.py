"""An exchange: a handle of libcurl that sends one request after another, and the answer that it is reading."""

from typing import TYPE_CHECKING, Any, Final

import pycurl

from connectors.ports import Answer, Endpoint

if TYPE_CHECKING:
    from connectors.delivery.engines.pool import Pool

_KEPT_ANSWER_BYTES: Final = 2048
_LARGEST_ANSWER_BYTES: Final = 1 << 16
_OK: Final = 200
_PROXY_AUTHENTICATION: Final = 407
_REDIRECTION: Final = 300
_SERVER_ERROR: Final = 500
_MAY_PASS: Final = (408, 425, 429)
"""A proxy that asks for patience, as one that fails itself (5xx), refuses nothing."""
_USUAL_TEXT: Final = b"OK"
# Asked for at every request, so not looked up in the module each time.
_POSTFIELDS: Final = pycurl.POSTFIELDS
_RESPONSE_CODE: Final = pycurl.RESPONSE_CODE
_TOTAL_TIME: Final = pycurl.TOTAL_TIME


class Exchange:
    """A reusable libcurl handle and the answer that it is reading."""

    __slots__ = ("_chunks", "_getinfo", "_setopt", "_size", "handle", "lane", "pool", "request", "started_s")

    def __init__(self, lane: "EngineLane") -> None:
        self.handle = pycurl.Curl()
        self.lane = lane
        self.request: Any = None
        """The caller's id of the request."""
        self.pool: Pool | None = None
        """Whose connections it uses while it is under way."""
        self.started_s = 0.0
        self._chunks: list[bytes] = []
        self._size = 0
        # Looked up once: to find a method of a handle takes as long as to call it.
        self._setopt, self._getinfo = self.handle.setopt, self.handle.getinfo
        self._setopt(pycurl.WRITEFUNCTION, self._read)

    def begin(self, body: bytes, request: Any) -> None:
        """Set what is sent."""
        self.request = request
        self._chunks.clear()
        self._size = 0
        self._setopt(_POSTFIELDS, body)

    def _read(self, chunk: bytes) -> int | None:
        if self._size < _KEPT_ANSWER_BYTES:
            self._chunks.append(chunk[: _KEPT_ANSWER_BYTES - self._size])
        self._size += len(chunk)
        # Beyond it libcurl breaks the request off: the status line has said what became of it.
        return 0 if self._size > _LARGEST_ANSWER_BYTES else None

    def is_usual(self) -> bool:
        """Return whether the answer is 200 with the usual text."""
        chunks = self._chunks
        return len(chunks) == 1 and chunks[0] == _USUAL_TEXT and bool(self._getinfo(_RESPONSE_CODE) == _OK)

    def seconds(self) -> float:
        """Return how long it took."""
        return float(self._getinfo(_TOTAL_TIME))

    def answer(self) -> Answer:
        """Return what was answered."""
        getinfo = self._getinfo
        status = getinfo(_RESPONSE_CODE)
        text = b"".join(self._chunks).decode("utf-8", "replace")
        retry_after = 0.0 if status == _OK else float(getinfo(pycurl.RETRY_AFTER))
        kind = getinfo(pycurl.CONTENT_TYPE) or ""
        return Answer(status, text, retry_after, getinfo(_TOTAL_TIME), "html" in kind.lower())

    def broken(self, said: str, seconds: float) -> Answer:
        """Return how it ended where it did not come to its end: by its status line, if there was one.

        The body may be endless, cut off or late; what AppsFlyer did with the event was decided before it (RFC 9110: the
        status describes the result of the request).
        """
        if self._getinfo(_RESPONSE_CODE) >= _OK:
            return self.answer()._replace(seconds=seconds)
        refused = self._getinfo(pycurl.HTTP_CONNECTCODE)
        if _REDIRECTION <= refused < _SERVER_ERROR and refused not in _MAY_PASS:
            # Whatever status a proxy refuses the tunnel with, it is no answer of AppsFlyer's, as a page is none. 407
            # has a meaning of its own.
            return Answer(refused, said, 0.0, seconds, is_html=refused != _PROXY_AUTHENTICATION)
        return Answer(0, said, 0.0, seconds)


class EngineLane:
    """Requests that go to one endpoint, and the handles that are made for it and can be used again."""

    __slots__ = ("endpoint", "idle")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.idle: list[Exchange] = []
