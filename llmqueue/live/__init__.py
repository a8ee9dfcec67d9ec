"""Words on their way to the pages that are open."""
