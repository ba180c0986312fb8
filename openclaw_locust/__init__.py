"""Load-test a WebSocket service behind TLS with Locust, with figures that can be believed."""

__version__ = "0.1.0"
