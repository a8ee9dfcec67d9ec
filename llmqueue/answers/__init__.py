"""What came back from a model: cleaned, and judged."""
