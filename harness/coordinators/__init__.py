"""What approaches may ask of each coordinator, its real client, and how to start its server."""
