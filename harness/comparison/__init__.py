"""Many trials: which of a scenario's approaches can run, their trials side by side, judged.

`live` runs them on real processes, `simulated` in virtual time on all cores.
"""
