#!/usr/bin/env bash
# Searches NanoTrack's settings on three synthetic sequences by chance and by TPE, and tests what was found on three others. Needs WORK, a folder, and
# NANOTRACK_V1 (nanotrackv1.pth of HonglinChu/SiamTrackers); siamtrack with its extra [tune].
set -euo pipefail
python -c "from siamtrack.data.synthetic import write_dataset; write_dataset('$WORK/GOT-10k', 5, train=2, test=6, train_frames=4, test_frames=90)"
ln -sfn test "$WORK/GOT-10k/val" # a validation set, as its name says
siamtrack convert "$NANOTRACK_V1" --cfg configs/nanotrack/v1.yaml -o "$WORK/nanotrack-v1.safetensors"
names() { printf 'Synthetic_Test_%06d,' "$@" | sed 's/,$//'; }
common=(--checkpoint "$WORK/nanotrack-v1.safetensors" --dataset got10k:val --data-root "$WORK" --device cpu --threads 1)

siamtrack test "${common[@]}" --sequences "$(names 4 5 6)" --name released --output "$WORK/results"
for sampler in random tpe; do
    siamtrack tune "${common[@]}" --sequences "$(names 1 2 3)" --trials 20 --sampler $sampler --output "$WORK/$sampler"
    siamtrack test "${common[@]}" --sequences "$(names 4 5 6)" --tuned "$WORK/$sampler" --name $sampler --output "$WORK/results"
done
siamtrack eval --results "$WORK/results" --dataset got10k --split val --sequences "$(names 4 5 6)" --data-root "$WORK"
