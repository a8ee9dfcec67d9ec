"""The forum's pages; a module for each thing they are about."""
