"""Learning by hand: what a network computes, written out so that a person can follow it with pencil and paper."""
