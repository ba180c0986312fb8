"""The service's language, without I/O: encode a rating, read an answer, keep what is pending.

Another service replaces this room and nothing else.
"""
