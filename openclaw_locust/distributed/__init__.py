"""Master and workers: every report of a run is accounted for, and the run ends through one drain.

Locust loses samples at a run's end: a master judges before its workers have reported, a report
whose sending fails is gone with its counts, a left-over worker's old report enters the next run, a
killed worker leaves no trace. So each report carries the run's id and a number, and at the end the
master asks each worker for its last word. What is missing then is said, by name.
"""
