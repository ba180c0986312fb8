"""A DNS server for a network namespace: every question gets the one answer that it was told.

python resolver.py nxdomain|nodata|silent
"""

from __future__ import annotations

import socket
import sys

_ANSWERS = {"nxdomain": 3, "nodata": 0}  # RFC 1035, 4.1.1: RCODE


def serve(kind: str) -> None:
    """Answer on 127.0.0.1:53 until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 53))
        print("ready", flush=True)
        while True:
            question, client = sock.recvfrom(512)
            if kind in _ANSWERS:
                flags = bytes((0x81, 0x80 | _ANSWERS[kind]))
                # the question as it came, one of it and no answer
                head = question[:2] + flags + b"\0\1\0\0\0\0\0\0"
                end = question.index(b"\0", 12) + 5
                sock.sendto(head + question[12:end], client)


if __name__ == "__main__":
    serve(sys.argv[1])
