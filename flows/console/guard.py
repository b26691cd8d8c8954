"""Guard: which requests are answered, and with which headers. Everything passes it, whatever page it is for."""

import traceback
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from connectors.local_http import why_refused
from connectors.secrets import Secret, SecretError
from flows.console.security_headers import FOR_EVER, NOT_STORED, SECURITY_HEADERS
from flows.console.sessions import Sessions

log = structlog.get_logger()

SESSION: Final = web.RequestKey("session", str)
"""The session of the request; a new one where its cookie names none."""
FORM_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
"""The field of every form, else the header, that proves that the form is ours."""
FORM_TOKEN_HEADER: Final = "X-Form-Token"  # noqa: S105 - the name of a header
STATIC: Final = "/static/"
SIGN_IN: Final = "/sign-in"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """The middlewares of the console."""

    def __init__(self, listens_on: str, cookie: str, token: Secret | None, sessions: Sessions) -> None:
        """Take the host that the server listens on, the cookie's name, and the token that people sign in with."""
        self._listens_on = listens_on
        self._cookie = cookie
        self._token = token
        self._sessions = sessions
        self.middlewares = (self._answered, self._checked)

    def set_cookie(self, response: web.StreamResponse, session: str) -> None:
        """Give a session to the browser, for as long as it runs."""
        response.set_cookie(self._cookie, session, httponly=True, samesite="Strict", path="/")

    @web.middleware
    async def _answered(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Turn every error into an answer, and give each its headers."""
        try:
            response = await handler(request)
        except web.HTTPException as found:
            response = web.Response(status=found.status, text=f"{found.text or found.reason}\n")
            for name in ("Location", "Allow", "HX-Redirect", "Retry-After"):
                if name in found.headers:
                    response.headers[name] = found.headers[name]
        except Exception as problem:  # noqa: BLE001 - a page that fails is said, and the others go on
            # Without the error's own text, which may hold what was sent.
            at = [f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(problem.__traceback__)[-3:]]
            log.error("a page of the console failed", path=request.path, error=type(problem).__name__, at=at)
            response = web.Response(status=500, text="This page failed. The log says where.\n")
        response.headers.update(SECURITY_HEADERS)
        is_kept = request.path.startswith(STATIC) and response.status == web.HTTPOk.status_code
        response.headers["Cache-Control"] = FOR_EVER if is_kept else NOT_STORED
        return response

    @web.middleware
    async def _checked(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if (why := why_refused(request.headers, self._listens_on)) is not None:
            raise web.HTTPForbidden(text=why)
        if request.path.startswith(STATIC):
            return await handler(request)
        given = request.cookies.get(self._cookie, "")
        request[SESSION] = given or self._sessions.begin()
        if request.method == "POST":
            await self._check_form(request, given)
        if request.path != SIGN_IN and not self._is_signed_in(given):
            if request.method == "POST" or "HX-Request" in request.headers:
                raise web.HTTPUnauthorized(headers={"HX-Redirect": SIGN_IN}, text=f"sign in first: {SIGN_IN}")
            raise web.HTTPSeeOther(SIGN_IN)
        response = await handler(request)
        if not given and self._cookie not in response.cookies:
            self.set_cookie(response, request[SESSION])
        return response

    async def _check_form(self, request: web.Request, session: str) -> None:
        token = request.headers.get(FORM_TOKEN_HEADER) or (await request.post()).get(FORM_TOKEN, "")
        if not session or not isinstance(token, str) or not self._sessions.is_form_token(session, token):
            raise web.HTTPForbidden(text="this form is not of this session; load its page again")

    def _is_signed_in(self, session: str) -> bool:
        if self._token is None:
            return True
        try:
            return self._sessions.is_signed_in(session, self._token.value())
        except SecretError:
            return False
