#!/usr/bin/env bash
# Trains, tests and scores what README.md beside this file reports; started again it goes on. Needs SIAMTRACK_EXCERPTS, a
# folder with sequences/ and images/. Run from the repository's root; further KEY VALUE pairs override the configuration.
set -euo pipefail
here=experiments/correlations
python $here/collect.py "$SIAMTRACK_EXCERPTS/sequences" $here/held-out
ln -sfn "$SIAMTRACK_EXCERPTS/sequences" $here/sequences
ln -sfn "$SIAMTRACK_EXCERPTS/images" $here/images
siamtrack ablate --cfg experiments/real_small/config.yaml --seeds 2 --output $here --data-root $here --protocol pysot \
    --variant "depthwise: MODEL.CORRELATION.NAME depthwise" \
    --variant "pixelwise: MODEL.CORRELATION {NAME: pixelwise}" \
    --variant "pixelwise, self-attention: MODEL.CORRELATION {NAME: pixelwise} MODEL.ENHANCER {NAME: self_attention, REDUCTION: 8}" \
    --variant "asymmetric: MODEL.CORRELATION {NAME: asymmetric}" \
    --test-set folder \
    TRAIN.EPOCHS 3 TRAIN.PHASES "[{FROM: 0}, {FROM: 2, EVAL: ['*']}]" "$@"
