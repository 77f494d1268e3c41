"""Which classes are hard, the hard class detector, and Algorithm 3's rule for leaving at a block."""
