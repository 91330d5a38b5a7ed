"""Results against what a scenario expects, and against earlier results: pass or fail."""
