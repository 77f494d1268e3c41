"""Give images to a trained network: `python examples/predict.py [folder of a run]`.

The folder is one that the pipeline ran in, or a published entry that holds its weights.
"""

import sys
from pathlib import Path

from pipeline import Run
from pipeline.data.params import DataParams, SplitParams
from pipeline.data.sources import read_source

folder = sys.argv[1] if len(sys.argv) > 1 else "reports/published/digits"
network = Run(folder).network()  # or .network("bloctrain_base"), .network("end_to_end")

# Any uint8 array [n, C, H, W], Pillow's images or paths do; here scikit-learn's handwritten digits, as the run saw them.
split = SplitParams(train=1077, validation=360, test=360)
source = read_source(DataParams(source="digits", image_size=16, split=split), Path("data/raw"))
images, labels = source.pool.images[:200], source.pool.labels[:200]

answer = network.predict(images)
for number in range(5):
    print(
        f"a {labels[number]}: taken for {answer.class_name[number]} with {100 * answer.confidence[number]:.1f} %, "
        f"left at block {answer.exit_block[number]}"
    )
right = (answer.prediction == labels).mean()
print(f"{100 * right:.1f} % of {len(answer)} right, with {100 * answer.operations_share.mean():.0f} % of the operations")

# Leave earlier: a lower threshold costs fewer operations.
early = network.predict(images, theta_conf=0.9)
right = (early.prediction == labels).mean()
print(f"{100 * right:.1f} % at theta_conf 0.9, with {100 * early.operations_share.mean():.0f} % of the operations")
