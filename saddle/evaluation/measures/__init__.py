"""The measures: a family a file, pure functions of features, probabilities, images or a model, and adapters."""
