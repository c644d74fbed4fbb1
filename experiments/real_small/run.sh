#!/usr/bin/env bash
# Trains and tests what README.md beside this file reports. Needs SIAMTRACK_EXCERPTS (a folder with sequences/ and images/) and a finished
# quickstart (python tools/quickstart.py). Run from the repository's root.
set -euo pipefail
here=experiments/real_small
sequences=$SIAMTRACK_EXCERPTS/sequences
steps=("$@") # KEY VALUE pairs that override the configuration, for instance a shorter schedule

newest() { find "$1/checkpoints" -name 'epoch-*.safetensors' | sort | tail -n 1; }

siamtrack train --cfg $here/config.yaml --data-root "$SIAMTRACK_EXCERPTS" --output $here/from-nothing --resume "${steps[@]}"
track() { # NAME OPTION VALUE
    local on=(--name "$1" --output $here/results --device cpu)
    [ "$2" = --baseline ] && on=(--output $here/results)
    siamtrack test "$2" "$3" --dataset OTB100 --data-root "$sequences" --sequences Couple,FaceOcc1 "${on[@]}"
    siamtrack test "$2" "$3" --dataset UAV123@10fps --data-root "$sequences" "${on[@]}"
    siamtrack test "$2" "$3" --dataset VOT2018 --experiment one-pass --data-root "$sequences" "${on[@]}"
    siamtrack test "$2" "$3" --dataset LaSOT --data-root "$sequences" "${on[@]}"
    siamtrack test "$2" "$3" --dataset GOT-10k --split val --data-root "$sequences" "${on[@]}"
}
track synthetic --checkpoint "$(newest experiments/quickstart/training)"
track real --checkpoint "$(newest $here/from-nothing)"
track static --baseline static
track opencv-mil --baseline MIL

for set in OTB100 UAV123@10fps VOT2018 LaSOT GOT-10k; do
    more=()
    [ $set = OTB100 ] && more=(--sequences Couple,FaceOcc1)
    [ $set = GOT-10k ] && more=(--split val)
    siamtrack eval --results $here/results/$set --dataset $set --data-root "$sequences" --protocol pysot \
        --json "$here/scores-$set.json" "${more[@]}"
done
