"""The page Deliveries: how each sync and app fares, its figures, and where its events went."""

from typing import Final

from aiohttp import web
from markupsafe import Markup

from flows.console.pages import Pages
from flows.console.watch import Watch

LIVE: Final = "/deliveries"
"""The part that renews itself."""


class DeliveriesPage:
    """The page, and the part of it that a browser asks for every two seconds."""

    def __init__(self, pages: Pages, watch: Watch) -> None:
        self._pages = pages
        self._watch = watch

    def add_to(self, application: web.Application) -> None:
        """Add its routes."""
        application.router.add_get("/", self._page)
        application.router.add_get(LIVE, self._live)

    async def _page(self, request: web.Request) -> web.Response:
        live, _ = await self._part()
        return self._pages.page(request, "deliveries.html", live=live)

    async def _live(self, request: web.Request) -> web.Response:
        live, tag = await self._part()
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=web.HTTPNotModified.status_code, headers={"ETag": tag})
        return web.Response(text=live, content_type="text/html", headers={"ETag": tag})

    async def _part(self) -> tuple[Markup, str]:
        content, tag = self._pages.part("deliveries_content.html", found=await self._watch.deliveries())
        live, _ = self._pages.part("live.html", content=content, address=LIVE, tag=tag)
        return live, tag
