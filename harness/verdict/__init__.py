"""What a history proves: outcomes, overlap, recovery from faults, overhead, and their statistics.

`judge` reads one history into a `Verdict`; `result` sums verdicts up into the `Result` of an
approach. Nothing here knows who wrote the history, or whether it was live or simulated.
"""
