"""What is printed: pure functions from what was read to what rich prints."""
