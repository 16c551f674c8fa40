"""What a run would cost and what it could tell apart, before it is made: pure."""
