"""Games that are told what to make."""
