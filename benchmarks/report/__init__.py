"""docs/benchmarks.md, written from the results: what is said of each, and how it is drawn."""
