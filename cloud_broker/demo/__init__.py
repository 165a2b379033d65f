"""A believable estate to try the product with: the same every time."""

from cloud_broker.demo.seed import seed_demo

__all__ = ["seed_demo"]
