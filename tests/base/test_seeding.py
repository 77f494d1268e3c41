"""Named generators."""

import numpy as np

from pipeline.base.seeding import digest_of, row_streams


def test_row_streams_are_generators_of_their_own():
    """Whatever was drawn for the row before, half a 64-bit word in 32-bit numbers included."""
    key, rows = digest_of(3, "poisson", "train", 7), np.array([5, 0, 2**40, 5])
    for row, stream in zip(rows, row_streams(key, rows), strict=True):
        alone = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, int(row)]))
        assert np.array_equal(stream.integers(0, 9, size=3), alone.integers(0, 9, size=3))
        assert stream.random() == alone.random()
        assert np.array_equal(stream.random(7, dtype=np.float32), alone.random(7, dtype=np.float32))
