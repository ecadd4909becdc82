"""What a person reads after a run: a self-contained page, its pictures, a terminal table."""
