"""ShedLock's table: a row for each lock, that says until when it is locked."""
