"""Signing in with the token, and out again."""

from aiohttp import web

from connectors.secrets import Secret, SecretError
from flows.console.guard import SESSION, SIGN_IN, Guard
from flows.console.pages import Pages
from flows.console.sessions import Sessions, same_token
from flows.console.sign_in_limit import SignInLimit

_WRONG = "This is not the token."


class SignIn:
    """The form, and what it is answered."""

    def __init__(self, pages: Pages, guard: Guard, sessions: Sessions, token: Secret | None) -> None:
        self._pages = pages
        self._guard = guard
        self._sessions = sessions
        self._token = token
        self._limit = SignInLimit()

    def add_to(self, application: web.Application) -> None:
        """Add its routes."""
        application.router.add_get(SIGN_IN, self._form)
        application.router.add_post(SIGN_IN, self._sign_in)
        application.router.add_post("/sign-out", self._sign_out)

    async def _form(self, request: web.Request) -> web.Response:
        if self._token is None:
            raise web.HTTPSeeOther("/")
        return self._pages.page(request, "sign_in.html", problem="")

    async def _sign_in(self, request: web.Request) -> web.Response:
        if self._token is None:
            raise web.HTTPSeeOther("/")
        address = request.remote or ""
        if wait := self._limit.wait_seconds(address):
            again = f"Too many wrong tokens came from your address. Try again in {wait:.0f} s."
            return self._refused(request, again, 429, {"Retry-After": f"{wait:.0f}"})
        try:
            token = self._token.value()
        except SecretError as problem:
            return self._refused(request, f"The token of [console] cannot be read: {problem}.", 503, {})
        given = (await request.post()).get("token", "")
        if not isinstance(given, str) or not same_token(given.strip(), token):
            self._limit.note_wrong(address)
            return self._refused(request, _WRONG, 403, {})
        self._sessions.sign_out(request[SESSION])
        answer = web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": "/"})
        self._guard.set_cookie(answer, self._sessions.sign_in(token))
        return answer

    async def _sign_out(self, request: web.Request) -> web.Response:
        self._sessions.sign_out(request[SESSION])
        answer = web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": SIGN_IN})
        self._guard.set_cookie(answer, self._sessions.begin())
        return answer

    def _refused(self, request: web.Request, problem: str, status: int, headers: dict[str, str]) -> web.Response:
        response = self._pages.page(request, "sign_in.html", problem=problem)
        response.set_status(status)
        response.headers.update(headers)
        return response
