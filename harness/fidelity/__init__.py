"""How well the simulation agrees with real coordinators: the same scenario on both, compared."""
