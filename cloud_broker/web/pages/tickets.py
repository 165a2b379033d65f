"""Tickets."""

from fastapi import APIRouter

from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.render import Renderer


def build_tickets_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/tickets`."""
    return APIRouter(include_in_schema=False)
