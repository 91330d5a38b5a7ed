"""Streams: a queue of runs with a consumer group."""
