"""The names of the rows in Locust's tables."""

DEFAULT_NAME = "OpenClawRating"
"""The tag that the article gives its requests."""

RESUMED = "(resumed)"
"""What stands behind the name of the rows of connections whose TLS session was resumed."""
