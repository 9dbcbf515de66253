"""Builds a router: it sends each request to the unit that has the process."""

from lamina.kernel.contracts import Check, Endpoint, Part, Task
from lamina.kernel.process import Kernel
from lamina.kernel.settings.platform import HttpSettings
from lamina.kernel.web.openapi_routes import add_documentation
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.routing import Router
from lamina.services.scheduler.api import fixed, openapi_router
from lamina.services.scheduler.api.admission import Admission
from lamina.services.scheduler.api.failure import render_error
from lamina.services.scheduler.api.route import RouteByPath, RouteByQuery, RouteMessage, Routes
from lamina.services.scheduler.api.route_post import RoutePost
from lamina.services.scheduler.api.tenancy import Tenancy
from lamina.services.scheduler.api.units import GetUnits
from lamina.services.scheduler.peers import whitelists
from lamina.services.scheduler.peers.client import Client
from lamina.services.scheduler.peers.scheduler_list import SchedulerList
from lamina.services.scheduler.peers.unit_client import UnitClient
from lamina.services.scheduler.peers.unit_health import UnitHealth
from lamina.services.scheduler.sequencer.placer import Placer
from lamina.services.scheduler.settings import SchedulerSettings

HTTP = "scheduler.router"


async def build(kernel: Kernel) -> Part:
    """The objects of one router."""
    settings = kernel.settings.get(SchedulerSettings)
    units = UnitClient(settings)
    kernel.resources.push_async_callback(units.close)
    client = Client(settings)
    kernel.resources.push_async_callback(client.close)
    health = UnitHealth(kernel.database, units, settings.unit_interval_s)
    placer = Placer(kernel.database, settings, health.down)
    scheduler_list = SchedulerList(kernel.database, settings)
    await scheduler_list.look()
    lists = await whitelists.follow(settings, client, None)
    proxies = TrustedProxies(kernel.settings.get(HttpSettings).trusted_proxies)
    admission, tenancy = Admission(settings, lists.addresses, proxies), Tenancy(lists.processes)
    routes = Routes(kernel.database, settings, placer, units, health, admission, tenancy)
    return Part(
        endpoints=(Endpoint(HTTP, _paths(routes), render_error),),
        tasks=(
            Task("scheduler.place", placer.run),
            Task("scheduler.list", scheduler_list.run),
            Task("scheduler.health", health.run),
            *lists.tasks(),
        ),
        checks=(Check("database", kernel.database.check), Check("units", health.check)),
    )


def _paths(routes: Routes) -> Router:
    router = Router(not_found=fixed.NOT_FOUND, method_not_allowed=fixed.NOT_FOUND)
    router.add("/", {"GET": RouteByQuery(routes), "POST": RoutePost(routes)})
    router.add("/timestamp", {"GET": RouteByQuery(routes)})
    router.add("/health", {"GET": fixed.HEALTH})
    router.add("/metrics", {"GET": fixed.metrics(routes.settings)})
    router.add("/lamina/units", {"GET": GetUnits(routes)})
    router.add("/processes/{id}", {"GET": RouteByPath(routes)})
    router.add("/{id}", {"GET": RouteMessage(routes)})
    router.add("/{id}/latest", {"GET": RouteByPath(routes)})
    add_documentation(router, openapi_router.document(routes.settings))
    return router
