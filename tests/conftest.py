"""What every test shares: one thread per worker, and shapes checked at run time."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch

torch.set_num_threads(1)
