"""What extends the lab by one of each kind; docs/extend.md goes through it."""
