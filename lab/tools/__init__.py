"""Measuring tools: their command lines, and readers that doubt what they print. No I/O."""
