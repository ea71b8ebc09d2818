"""Games whose generator has an inverse beside it: an encoder that says which z a sample comes from."""
