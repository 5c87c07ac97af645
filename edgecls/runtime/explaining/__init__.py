"""What answers rest on, found and drawn."""
