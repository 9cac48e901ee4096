#!/bin/bash
# One training over the nodes of a Slurm job, a worker a node with all its GPUs:
#
#   sbatch --nodes=8 docs/machines/slurm.sh gv train --data data/300w --preset paper --devices gpu:0,1,2,3,4,5,6,7 --out runs/wide
#
# The folder that sbatch is called in, with its .venv, is there on every node. No ssh: processes are started by srun. Slurm ends the
# job with TERM five minutes before its time is over; what there is has then been saved, and the same command goes on with it.
#SBATCH --job-name=gv
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=8
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=gv-%j.log
set -eu

if [ $# -eq 0 ]; then
    echo "usage: sbatch --nodes=N $0 gv train ... --out DIR" >&2
    exit 2
fi
hosts=$(mktemp)
trap 'rm -f "$hosts"' EXIT
scontrol show hostnames "$SLURM_JOB_NODELIST" > "$hosts"

# --resume: a job that was put back into the queue goes on; a new one has nothing to go on with, and begins
"${PYTHON:-.venv/bin/python}" -m experiments.launch --hosts "$hosts" --folder "$SLURM_SUBMIT_DIR" \
    --rsh "srun --overlap --quiet --nodes=1 --ntasks=1 --nodelist={host}" -- "$@" --resume &
launcher=$!
trap 'kill -TERM "$launcher"' TERM
while :; do
    code=0
    wait "$launcher" || code=$?
    kill -0 "$launcher" 2> /dev/null || exit "$code" # else wait was left for the TERM that the launcher was sent
done
