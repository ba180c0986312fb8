"""The embedded rating server and its test certificates: the target of the demo and of the tests.

It always runs as a process of its own (``openclaw-locust serve``), because load and target must
never share an interpreter. Nothing here imports Locust or gevent.
"""
