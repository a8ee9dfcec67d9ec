"""Attacks, a module for each subject; the rows are those of the attack list."""
