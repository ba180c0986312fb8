"""Stress the TLS handshake and the HTTP upgrade: every user opens a connection, has the upgrade
checked, ends it politely, and begins the next.

    locust -f locustfiles/handshake.py --host wss://rating.example.com/upgrade --tls-ca ca.pem \
           -u 50 -t 1m --headless --csv reports/handshakes

`--handshake-mode tls` stops after the handshake; `--handshake-mode http` keeps its connections and
asks for `--http-path`. `--connect-rate 200/s` begins them on a schedule, whatever the service does;
`--tls-resume 50%` lets half of them offer a TLS session of an earlier one.
"""

from openclaw_locust import HandshakeUser


class OpenClawHandshake(HandshakeUser):
    """What a connection does is up to the options; its rows carry `name`."""
