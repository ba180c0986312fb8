"""The Locust shells: thin `User` classes over the connection and the ledger.

All are abstract, so that a locustfile's subclass is the only one that Locust collects.
"""
