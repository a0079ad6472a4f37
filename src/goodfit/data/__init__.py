"""Data: reading tables and images, built-in sets, what each column is, splits, preparation, warnings."""
