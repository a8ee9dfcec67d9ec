"""Situations with personas."""
