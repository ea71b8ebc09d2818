"""``saddle train auto``: the recipe and its settings are chosen by the data, the time and the machine."""
