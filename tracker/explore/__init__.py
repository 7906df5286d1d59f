"""Explore: any days, by anything, in the billing's days or one's own, with the address as the whole of its state."""
