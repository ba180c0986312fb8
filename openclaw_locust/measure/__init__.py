"""What is measured beside Locust's own statistics. Knows neither Locust nor the network."""
