"""What happens to the service, as data: workers, jobs, duration, faults, expectations.

`model` says what a scenario is, `loading` reads one from YAML, `overrides` changes one from the
command line; `duration` and `target` are the types that parameters of approaches and faults are
made of, and load nothing beyond the standard library.
"""
