"""Learning: the engine, its losses and rounds of correction, pretraining on generated scenes."""
