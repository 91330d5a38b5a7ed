"""Measure how approaches to distributed job scheduling behave when things break."""

__version__ = "0.1.0"
