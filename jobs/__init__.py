"""The standalone worker: it wakes, asks the ledger what is due, and has it done. It holds no rule of its own."""
