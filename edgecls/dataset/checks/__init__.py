"""Finding faulty, duplicate and mislabelled images, and their quarantine."""
