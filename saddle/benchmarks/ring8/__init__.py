"""Protocols on eight Gaussians on a circle."""
