"""Sessions: who has signed in, and the tokens that prove that a form is one of ours. In memory; a restart ends them."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_SIGNED_IN_SECONDS: Final = 12 * 3600.0
_MOST: Final = 1000


class Sessions:
    """A session is a random text in a cookie. Each has its own token for forms, which needs no memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._signed_in: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    @staticmethod
    def begin() -> str:
        """Return a session that nobody has signed in with."""
        return secrets.token_urlsafe(32)

    def sign_in(self, token: str) -> str:
        """Return a new session that is signed in with a token; the oldest of a thousand makes room."""
        session = self.begin()
        self._signed_in[session] = (self._clock() + _SIGNED_IN_SECONDS, _digest(token))
        while len(self._signed_in) > _MOST:
            self._signed_in.popitem(last=False)
        return session

    def is_signed_in(self, session: str, token: str) -> bool:
        """Return whether a session is signed in with the token of now, not with one that has been changed since."""
        ends, digest = self._signed_in.get(session, (0.0, b""))
        return self._clock() < ends and hmac.compare_digest(digest, _digest(token))

    def sign_out(self, session: str) -> None:
        """End a session."""
        self._signed_in.pop(session, None)

    def form_token(self, session: str) -> str:
        """Return the token that a session's forms carry."""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session: str, given: str) -> bool:
        """Return whether a form was made for this session."""
        return hmac.compare_digest(self.form_token(session).encode(), given.encode())


def same_token(given: str, expected: str) -> bool:
    """Compare two tokens in a time that tells nothing of either."""
    return hmac.compare_digest(_digest(given), _digest(expected))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
