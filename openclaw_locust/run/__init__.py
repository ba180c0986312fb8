"""One run inside Locust: what happens at which event. :mod:`.plugin` has it on one screen."""
