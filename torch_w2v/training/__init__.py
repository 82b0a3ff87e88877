"""One `train()` call: its session, its epochs, the tables on the device."""
