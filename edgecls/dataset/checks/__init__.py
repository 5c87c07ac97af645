"""CheckFinding faulty, doubled and mislabelled images, and the quarantine for them."""
