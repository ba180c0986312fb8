"""Holds connections to a port of the loopback: python holder.py PORT COUNT."""

import socket
import sys
import time

port, count = map(int, sys.argv[1:])
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
time.sleep(60)
