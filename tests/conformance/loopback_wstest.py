# mypy: ignore-errors
"""``wstest``, on 127.0.0.1 alone and for no longer than its parent lives. Runs on Python 2.7.

By itself ``wstest`` listens on all interfaces, and outlives a parent that was killed.
"""

import functools
import os
import sys
import threading

from autobahntestsuite import fuzzing, wstest


def end_with_parent():
    sys.stdin.read()  # returns when the parent's end of the pipe is closed, however it ended
    os._exit(0)


fuzzing.listenWS = functools.partial(fuzzing.listenWS, interface="127.0.0.1")
watch = threading.Thread(target=end_with_parent)
watch.daemon = True
watch.start()
wstest.run()
