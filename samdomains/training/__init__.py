"""Learning: the engine, its losses and rounds of correction, and pretraining on generated scenes."""
