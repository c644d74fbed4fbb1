#!/usr/bin/env bash
# Runs and scores two trackers with the official VOT toolkit, and writes figures.json beside this file: the toolkit's figures and ours.
# Needs NANOTRACK_V1 (nanotrackv1.pth of HonglinChu/SiamTrackers) and two environments beside siamtrack's own, which has
# siamtrack[vot]: ANALYSE with vot-toolkit 0.9.0 and RUN with vot-toolkit 0.7.4 (README.md says why). From the repository's root:
# WORK=somewhere RUN=env-0.7.4 ANALYSE=env-0.9.0 NANOTRACK_V1=nanotrackv1.pth experiments/records/vot_toolkit/run.sh
set -euo pipefail
here=experiments/records/vot_toolkit
sequences=$(printf 'Synthetic_Test_%06d,' 1 2 3 4)
export VOT_RESULTS_BINARY=0 # text, which is what siamtrack reads

python -c "from siamtrack.data.synthetic import write_dataset; write_dataset('$WORK/world', 5, train=2, test=6, train_frames=4, test_frames=90)"
siamtrack convert "$NANOTRACK_V1" --cfg configs/nanotrack/v1.yaml -o "$WORK/nanotrack-v1.safetensors"
compare() { # WORKSPACE OUTPUT.json OPTION VALUE ... of the data set
    local workspace=$WORK/$1 output=$here/$2
    local data=("${@:3}" --experiments supervised,multistart,longterm --interval 20:60 -o "$workspace")
    siamtrack export vot-workspace --checkpoint "$WORK/nanotrack-v1.safetensors" --name nanotrack-v1 --device cpu "${data[@]}"
    siamtrack export vot-workspace --baseline static "${data[@]}"
    "$RUN/bin/vot" evaluate --workspace "$workspace" static nanotrack-v1
    "$ANALYSE/bin/vot" analysis --workspace "$workspace" --name figures static nanotrack-v1
    python $here/compare.py "$workspace" "$WORK/nanotrack-v1.safetensors" "$output"
}
compare boxes figures.json --dataset got10k:test --data-root "$WORK/world" --sequences "${sequences%,}"
# first 100 frames of bag, in a folder VOT2016
[ -z "${EXCERPTS:-}" ] || compare corners polygons.json --dataset VOT2016 --data-root "$EXCERPTS"
