"""Packaging. The pins install and import together on the Pythons of ``python_requires`` (docs/contributing.md lists them)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "([^"]+)"', (HERE / "gv/__init__.py").read_text(encoding="utf-8"), re.MULTILINE).group(1)

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
    package_data={"experiments": ["templates/*.html"]},
    python_requires=">=3.8,<3.12",
    install_requires=[
        "mxnet==1.9.1",  # the last release
        "numpy==1.23.5",  # the last series with the aliases (np.bool) that MXNet uses on import
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
        "test": ["pytest", "pytest-timeout", "hypothesis", "ruff==0.17.6", "setuptools"],
        "onnx": ["onnx>=1.13,<1.18", "onnxruntime"],
    },
    entry_points={"console_scripts": ["gv = gv.cli:main", "anchorface = anchorface.cli:main"]},
    classifiers=[
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.8",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
    ],
)
