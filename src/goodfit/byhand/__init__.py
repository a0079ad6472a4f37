"""Learning by hand: back-propagation step by step, the perceptron."""
