"""A worker's part: from the claim of a request to what is written of it."""
