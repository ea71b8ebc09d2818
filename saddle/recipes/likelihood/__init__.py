"""Games of one player that maximises a likelihood, or a bound on it."""
