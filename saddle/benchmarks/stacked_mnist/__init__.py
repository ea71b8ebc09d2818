"""Protocols on three digits stacked as colours: 1,000 modes."""
