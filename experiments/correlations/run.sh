#!/usr/bin/env bash
# Trains, tests and scores what README.md beside this file reports; started again it goes on. Needs SIAMTRACK_EXCERPTS, a
# folder with sequences/ and images/. Run from the repository's root; further KEY VALUE pairs override the configuration.
set -euo pipefail
here=experiments/correlations
python $here/collect.py "$SIAMTRACK_EXCERPTS/sequences" $here/held-out
siamtrack ablate --cfg experiments/real_small/config.yaml --seeds 2 --output $here --protocol pysot \
    --variant "depthwise: MODEL.CORRELATION.NAME depthwise" \
    --variant "pixelwise: MODEL.CORRELATION.NAME pixelwise" \
    --variant "pixelwise, self-attention: MODEL.CORRELATION.NAME pixelwise MODEL.ENHANCER.NAME self_attention" \
    --variant "asymmetric: MODEL.CORRELATION.NAME asymmetric MODEL.CORRELATION.HIDDEN 64" \
    --data-root "$SIAMTRACK_EXCERPTS" --test-set folder --test-root $here/held-out \
    TRAIN.EPOCHS 3 TRAIN.PHASES "[{FROM: 0}, {FROM: 2, EVAL: ['*']}]" "$@"
