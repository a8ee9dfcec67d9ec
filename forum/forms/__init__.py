"""What members write and choose in the forum, turned into checked values."""
