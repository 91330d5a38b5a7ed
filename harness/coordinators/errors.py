"""The two ways in which asking a coordinator can go wrong."""


class CoordinatorError(Exception):
    """No answer that can be used."""


class Unavailable(CoordinatorError):
    """Not done: the request did not reach the coordinator, or it was refused."""


class Indeterminate(CoordinatorError):
    """May have been done: the request went out, no answer came back."""


def in_one_line(error: BaseException) -> str:
    """What went wrong, for people: the error's name and the first line of its text."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
