"""One instance of the service: its due times, executing a run, the sink that effects land in."""
