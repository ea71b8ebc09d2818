"""Protocols on 25 Gaussians on a grid."""
