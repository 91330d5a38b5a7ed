"""The tables of Quartz' clustered JDBC job store, and what is done to them."""
