"""Load the rating service: every user keeps a WebSocket open, rates a random item, waits for its
ack and pauses.

    locust -f locustfiles/rating.py --host wss://rating.example.com/rating --tls-ca ca.pem \
           -u 200 -r 50 -t 2m --headless --csv reports/run
"""

from openclaw_locust import RatingUser


class OpenClawRating(RatingUser):
    """To send or recognise other messages, override `encode` and `recognise` here."""
