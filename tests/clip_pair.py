"""Two unlike sounds to judge models by."""

from sounds import drum, pluck

from lts_batch.evaluation import clip_pairs

RATE = clip_pairs.SAMPLE_RATE_HZ
ONE, TWO = pluck(0.4, 220.0)[0], drum(0.4, 0.02, 900.0)[0]
