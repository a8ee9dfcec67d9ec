"""What members enter about personas, turned into checked values; one module a subject."""
