"""Does not know how to recognise an answer."""

from openclaw_locust import RatingUser


class BrokenUser(RatingUser):
    def recognise(self, message):
        return message["type"]
