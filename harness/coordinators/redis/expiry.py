"""Times to live as Redis takes them."""


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, at least the one that Redis demands."""
    return max(1, round(seconds * 1000))
