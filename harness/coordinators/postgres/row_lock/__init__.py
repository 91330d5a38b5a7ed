"""A row for each job, locked by a transaction that stays open while the job runs."""
