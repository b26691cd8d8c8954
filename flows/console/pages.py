"""Pages: a template and its values → an answer, with what every page needs."""

import hashlib
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment
from markupsafe import Markup

from flows.console.guard import FORM_TOKEN, SESSION
from flows.console.sessions import Sessions
from flows.observe.metrics.metric import PACKAGE

_NAVIGATION: Final = (("/", "Deliveries"),)
"""Address and title of each page, in the order in which they are offered."""


class Pages:
    """Renders whole pages, and parts that renew themselves."""

    def __init__(self, environment: Environment, sessions: Sessions, *, has_token: bool) -> None:
        """Take the templates; `has_token`: people sign in, and so can sign out."""
        self._environment = environment
        self._sessions = sessions
        environment.globals |= {
            "navigation": _NAVIGATION,
            "version": version(PACKAGE),
            "has_token": has_token,
            "form_token_name": FORM_TOKEN,
        }

    def page(self, request: web.Request, template: str, **values: Any) -> web.Response:
        """Return a whole page."""
        text = self._environment.get_template(template).render(
            path=request.path, form_token=self._sessions.form_token(request[SESSION]), **values
        )
        return web.Response(text=text, content_type="text/html")

    def part(self, template: str, **values: Any) -> tuple[Markup, str]:
        """Return a part of a page, and the tag that changes whenever it does, as HTTP's ETag."""
        text = self._environment.get_template(template).render(**values)
        return Markup(text), f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'  # noqa: S704 - a template escaped it
