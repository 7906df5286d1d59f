"""The domain of the LLM API Usage Tracker: usage, prices, keys, the ledger. No screen, no loop."""
