"""Limits of use: which fit a request, what is set aside for it, and what it used."""
