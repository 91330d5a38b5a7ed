"""A row that says who leads, for how long, and for the how manyth time somebody does."""
