"""What benchmarks/starter.py measures: one module per model of the kit."""
