"""What a test fails of."""

from __future__ import annotations


class Violation(AssertionError):
    """What was measured is not what the test asserts."""


class Inconclusive(Exception):
    """Nothing that proves anything was measured: an invalid trial, or nothing to measure.

    No AssertionError: a test that expects a violation (`xfail`, `raises`) must not take it for one.
    """
