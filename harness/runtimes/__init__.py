"""Where a trial happens: implementations of the Cluster interface."""
