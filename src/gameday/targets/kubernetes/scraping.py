"""Read the metrics pages of a system's pods, and add up those of a service's replicas."""

from __future__ import annotations

from collections.abc import Hashable

from gameday.targets.kubernetes import parallel
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.edges import Edges
from gameday.targets.kubernetes.pods import Pod, pods_of
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.pages import Page, parse_page, service_page
from gameday.targets.protocol import TargetError

_PAGE_S = 2.0
"""How long a page may take; all are read every second, and one that is late is left out."""


class Scraping:
    """The pages of one system; what a pod had counted when it was last read stays counted when it is gone."""

    def __init__(self, api: Api, site: Site, edges: Edges) -> None:
        """Read nothing yet."""
        self._api, self._site, self._edges = api, site, edges
        self._pages = {part.name: service_page(part.counters) for part in site.services.values() if part.metrics}

    def pages(self) -> dict[str, Page]:
        """Read every page once; a pod that does not answer is left out."""
        pods = [pod for name in self._pages for pod in pods_of(self._api, self._site, name) if pod.usable]
        read = parallel.each(pods, self._page)
        found: dict[str, dict[Hashable, Page]] = {name: {} for name in self._pages}
        for pod, page in zip(pods, read, strict=True):
            if page is not None:
                found[pod.service][pod.identity] = page
        return {name: self._pages[name].merged(pages) for name, pages in found.items()}

    def page(self, service: str) -> Page | None:
        """Read and add up one service's pages; None when it has none."""
        if service not in self._pages:
            return None
        pods = [pod for pod in pods_of(self._api, self._site, service) if pod.usable]
        read = zip(pods, parallel.each(pods, self._page), strict=True)
        pages: dict[Hashable, Page] = {pod.identity: page for pod, page in read if page is not None}
        if not pages:
            raise TargetError(f"no pod of {service} answers GET {self._site.part(service).metrics}")
        return self._pages[service].merged(pages)

    def _page(self, pod: Pod) -> Page | None:
        """Read a pod's page: through its agent where it has one, because a delay on its port would delay this too."""
        part: Part = self._site.part(pod.service)
        path = part.metrics or "/metrics"
        try:
            status, text = self._edges.page(pod, part.metrics_port, path, timeout_s=_PAGE_S)
            return parse_page(text) if status == 200 else None
        except (TargetError, ValueError):
            return None
