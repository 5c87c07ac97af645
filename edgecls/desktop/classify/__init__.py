"""The tab that classifies images, and in which answers are corrected, sorted and exported."""
