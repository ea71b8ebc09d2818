"""Games of deep networks."""
