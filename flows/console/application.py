"""The console as one aiohttp application: its pages, behind the guard.."""

from aiohttp import web

from connectors.secrets import Secret
from flows.console.deliveries_page import DeliveriesPage
from flows.console.guard import STATIC, Guard
from flows.console.pages import Pages
from flows.console.sessions import Sessions
from flows.console.sign_in import SignIn
from flows.console.static_files import StaticFiles
from flows.console.templates import templates
from flows.console.watch import Watch

_MOST_BODY_BYTES = 2 << 20
"""Of a form: an event may have 1 MB."""


def application(host: str, port: int, token: Secret | None, watch: Watch) -> web.Application:
    """Return it; to be called in the event loop that it is to belong to.

    `host` and `port` are where it listens. Cookies go to every port of a host, and so the cookie's name has the port.
    """
    files, sessions = StaticFiles(), Sessions()
    guard = Guard(host, f"console-{port}", token, sessions)
    pages = Pages(templates(files.path_of), sessions, has_token=token is not None)

    async def static(request: web.Request) -> web.Response:
        found = files.by_path.get(request.path)
        if found is None:
            raise web.HTTPNotFound(text="there is no such file")
        return web.Response(body=found.body, content_type=found.content_type, charset="utf-8")

    made = web.Application(middlewares=guard.middlewares, client_max_size=_MOST_BODY_BYTES)
    made.router.add_get(f"{STATIC}{{path:.*}}", static)
    SignIn(pages, guard, sessions, token).add_to(made)
    DeliveriesPage(pages, watch).add_to(made)
    return made
