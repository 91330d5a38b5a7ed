"""The ordered record of everything that happened in a trial: JSON Lines, version 1.

`event` says what an event is, `journal` writes, `reading` reads. Imports nothing else of ours:
a worker writes events without loading more than the standard library.
"""
