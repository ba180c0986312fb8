"""What keeps the conformance run from being made at all."""


class Problem(Exception):
    """One line: what is wrong, and the mend."""
