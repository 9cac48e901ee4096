"""make setup GPU=1 and MXNET=1.5.1: what is refused before anything is made, what is asked of pip, what is linked."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools
from fake_gpu import Checkout, build_driver, environment, has_driver
from helpers import ROOT, child_environment

from gv.core import cuda

TURING, AMPERE = "7.5 NVIDIA GeForce RTX 2080 Ti", "8.6 NVIDIA RTX A6000"
ADA, HOPPER = "8.9 NVIDIA GeForce RTX 4090", "9.0 NVIDIA H100 80GB HBM3"
link_cuda = runpy.run_path(str(ROOT / ".ci/link_cuda.py"))["link"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build_driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def ask(option, driver=None, cards="", **variables):
    """(exit code, stdout) of gv/core/cuda.py as a file, by a Python that sees none of this project."""
    done = subprocess.run([sys.executable, "-I", str(ROOT / "gv/core/cuda.py"), option], capture_output=True, cwd="/",
                          env=environment(driver, cards, **variables))
    assert done.stderr == b"", done.stderr.decode()
    return done.returncode, done.stdout.decode().strip()


def card(capability, number=0):
    return cuda.Card(number, "NVIDIA Some", capability, 8 << 30, None)


# --- what the driver says

@pytest.mark.parametrize("capability, code", [
    ((3, 5), None), ((5, 0), (5, 0)), ((5, 2), (5, 0)), ((6, 1), (6, 0)), ((7, 0), (7, 0)), ((7, 5), (7, 0)), ((8, 0), (8, 0)),
    ((8, 6), (8, 6)), ((8, 7), (8, 6)), ((8, 9), (8, 6)), ((9, 0), None), ((10, 0), None), ((12, 0), None),
])
def test_the_code_that_a_card_runs(capability, code):
    """CUDA's rule for machine code: the same major version, and a minor that is no newer than the card's."""
    assert cuda.code_for(capability) == code
    assert bool(cuda.fault_of(card(capability))) == (code is None)
    assert bool(cuda.note_of(card(capability))) == (capability == (8, 9))


def test_a_fault_names_the_card():
    fault = cuda.fault_of(card((9, 0), 3))
    assert all(words in fault for words in ("gpu:3 (NVIDIA Some)", "9.0", "no code", "expected 5.x to 8.x", "GPU=0"))
    assert "\n" not in fault


def test_the_driver_and_its_cards(driver):
    code, text = ask("--json", driver, f"{TURING};{HOPPER}", FAKE_CUDA_DRIVER="12020")
    found = json.loads(text)
    assert (code, found["loads"], found["cuda"], found["fault"]) == (0, True, 12020, "")
    assert [(one["number"], one["name"], one["capability"]) for one in found["cards"]] == [
        (0, "NVIDIA GeForce RTX 2080 Ti", [7, 5]), (1, "NVIDIA H100 80GB HBM3", [9, 0])]
    assert {(one["total"], one["free"]) for one in found["cards"]} == {(8 << 30, 3 << 30)}


@pytest.mark.parametrize("cards, variables, words", [
    (HOPPER, {}, ["NVIDIA H100 80GB HBM3", "9.0", "no code"]),
    (f"{HOPPER};3.7 Tesla K80", {}, ["NVIDIA H100 80GB HBM3", "9.0", "no code", "nor is there any for gpu:1 (Tesla K80)"]),
    (AMPERE, {"FAKE_CUDA_DRIVER": "10020"}, ["for CUDA 10.2", "expected CUDA 11.0"]),
    (AMPERE, {"FAKE_CUDA_INIT": "803"}, ["cuInit gives 803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)"]),
    (AMPERE, {"FAKE_CUDA_INIT": "999"}, ["cuInit gives 999;"]),
])
def test_what_is_refused(driver, checkout, cards, variables, words):
    code, said, asked = checkout.setup(driver, cards, GPU="1", **variables)
    assert (code, len(said), asked) == (2, 1, "") and not checkout.venv.exists()
    assert said[0].startswith("setup: GPU=1: ") and all(word in said[0] for word in words), said[0]


def test_no_driver_is_refused(checkout):
    if has_driver():
        pytest.skip("this machine has a driver")
    code, said, asked = checkout.setup(GPU="1")
    assert (code, len(said), asked) == (2, 1, "") and not checkout.venv.exists()
    assert all(word in said[0] for word in ("libcuda.so.1 does not load", "expected a driver", "GPU=unchecked"))


def test_a_library_that_is_no_driver_is_refused(checkout, tmp_path):
    build_driver(tmp_path / "other")
    (tmp_path / "other/libcuda.so.1").write_bytes(b"no library")
    code, said, asked = checkout.setup(tmp_path / "other", GPU="1")
    assert (code, len(said), asked) == (2, 1, "") and "libcuda.so.1 does not load" in said[0]


def test_a_driver_that_ends_the_process_is_refused(driver, checkout):
    code, said, asked = checkout.setup(driver, AMPERE, GPU="1", FAKE_CUDA_CRASH="1")
    assert (code, asked) == (2, "") and not checkout.venv.exists() and "cuda.py --check failed" in said[-1]


@pytest.mark.parametrize("kind", ["1", "unchecked"])
def test_other_machines_are_refused(driver, checkout, tmp_path, kind):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/sitecustomize.py").write_text("import platform\nplatform.machine = lambda: 'aarch64'\n")
    code, said, asked = checkout.setup(driver, AMPERE, GPU=kind, PYTHONPATH=str(tmp_path / "other"))
    assert (code, len(said), asked) == (2, 1, "") and not checkout.venv.exists()
    assert f"GPU={kind}: this machine: Linux on aarch64; expected Linux on x86_64" in said[0]
    assert cuda.platform_fault("Darwin", "x86_64") and not cuda.platform_fault("Linux", "x86_64")


@pytest.mark.parametrize("variables, words", [
    ({"GPU": "2"}, "GPU=2: no such choice; expected 1, unchecked, or 0"),
    ({"MXNET": "1.4"}, "MXNET=1.4: no MXNet that this project is made for; expected 1.9.1 or 1.5.1"),
    ({"MXNET": "cu117"}, "GPU=1"),
    ({"MXNET": "1.5.1", "GPU": "1"}, "GPU=1: not with MXNET=1.5.1"),
    ({"MXNET": "1.5.1", "GPU": "unchecked"}, "GPU=unchecked: not with MXNET=1.5.1"),
])
def test_choices_that_there_are_not(checkout, variables, words):
    code, said, asked = checkout.setup(**variables)
    assert (code, len(said), asked) == (2, 1, "") and words in said[0] and not checkout.venv.exists()


@pytest.mark.parametrize("cards, words", [
    ("", "shows no card; going on"),
    (ADA, "gpu:0 (NVIDIA GeForce RTX 4090): should work on the code for 8.6"),
    (f"{AMPERE};{HOPPER}", "gpu:1 (NVIDIA H100 80GB HBM3): compute capability 9.0"),
    (TURING, None),
])
def test_what_is_only_said(driver, checkout, cards, words):
    code, said, asked = checkout.setup(driver, cards, GPU="1")
    assert code == 0 and "MXNET=cu117" in asked
    warnings = [line for line in said if "card" in line or "gpu:" in line and "works" not in line]
    assert (len(warnings) == 1 and words in warnings[0]) if words else warnings == []


def test_an_older_driver_of_cuda_11_is_said(driver):
    code, said = ask("--check", driver, AMPERE, FAKE_CUDA_DRIVER="11040")
    assert code == 0 and "for CUDA 11.4, older than the libraries' 11.7" in said
    assert ask("--check", driver, AMPERE) == (0, "")


def test_hidden_cards_are_named(driver, tmp_path, monkeypatch):
    code, said = ask("--check", driver, AMPERE, CUDA_VISIBLE_DEVICES="")
    assert code == 0 and said.startswith('CUDA_VISIBLE_DEVICES="": ') and ("is set" in said or "shows 0 of" in said)
    for number in range(2):
        (tmp_path / f"gpus/{number}").mkdir(parents=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "shows 1 of 2 cards" in cuda.hidden((card((8, 6)),), str(tmp_path / "gpus"))
    assert cuda.hidden((card((8, 6)),) * 2, str(tmp_path / "gpus")) == ""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cuda.hidden((), str(tmp_path / "gpus")) == ""


def test_the_first_card_that_can_be_used(driver):
    assert ask("--usable", driver, f"{HOPPER};{TURING}") == (0, "1")
    assert ask("--usable", driver, HOPPER) == ask("--usable", driver) == (0, "")


# --- links

def tree(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_libraries_are_linked_beside_mxnets_own(tmp_path):
    site = tree(tmp_path / "site", "mxnet/libmxnet.so", "mxnet/libgfortran.so.3", "nvidia/cudnn/lib/libcudnn.so.8",
                "nvidia/cublas/lib/libcublas.so.11", "nvidia/cublas/include/cublas.h", "nvidia/other/lib/libgfortran.so.3",
                "nvidia/cudnn/lib/__init__.py", "nvidia/nvrtc/lib/libnvrtc.so.11.2", "nvidia/nvrtc/lib/libnvrtc-builtins.so.11.7")
    (site / "mxnet/libold.so.1").symlink_to("../nvidia/gone/lib/libold.so.1")
    (site / "mxnet/libcudnn.so.8").symlink_to("../nvidia/gone/lib/libcudnn.so.8")
    driver = tree(tmp_path, "driver/libcuda.so.1") / "driver/libcuda.so.1"
    for _ in range(2):      # may be run again
        assert link_cuda(site, driver) == 5
        found = {path.name: os.readlink(path) for path in (site / "mxnet").iterdir() if path.is_symlink()}
        assert found == {"libcudnn.so.8": "../nvidia/cudnn/lib/libcudnn.so.8", "libcuda.so": str(driver),
                         "libcublas.so.11": "../nvidia/cublas/lib/libcublas.so.11", "libnvrtc.so": "libnvrtc.so.11.2",
                         "libnvrtc.so.11.2": "../nvidia/nvrtc/lib/libnvrtc.so.11.2",
                         "libnvrtc-builtins.so.11.7": "../nvidia/nvrtc/lib/libnvrtc-builtins.so.11.7"}
    assert (site / "mxnet/libgfortran.so.3").read_text() == "mxnet/libgfortran.so.3"       # MXNet's own
    moved = site.rename(tmp_path / "moved")
    assert (moved / "mxnet/libcudnn.so.8").read_text() == "nvidia/cudnn/lib/libcudnn.so.8"


@pytest.mark.parametrize("names", [["mxnet/libmxnet.so"], ["nvidia/cudnn/lib/libcudnn.so.8"]])
def test_a_tree_that_lacks_something_is_told(tmp_path, names):
    with pytest.raises(FileNotFoundError, match="is missing"):
        link_cuda(tree(tmp_path / "site", *names))
    done = subprocess.run([sys.executable, str(ROOT / ".ci/link_cuda.py"), str(tmp_path / "site")], capture_output=True)
    assert done.returncode == 1 and len(done.stderr.decode().splitlines()) == 1


def test_the_drivers_file_is_named_where_cudnn_would_miss_it(driver, tmp_path):
    if not has_driver():
        assert ask("--driver-file", driver) == (0, str(driver / "libcuda.so.1"))
    both = build_driver(tmp_path / "both")
    (both / "libcuda.so").symlink_to("libcuda.so.1")
    assert ask("--driver-file", both) == (0, "")
    versioned = build_driver(tmp_path / "versioned", "libcuda.so.535.54")
    (versioned / "libcuda.so.1").symlink_to("libcuda.so.535.54")
    if not has_driver():        # the name that outlives the driver's next version
        assert ask("--driver-file", versioned) == (0, str(versioned / "libcuda.so.1"))


# --- the script, with stand-ins for Python and pip

def test_a_gpu_environment_is_made_kept_and_given_up(driver, checkout):
    code, said, asked = checkout.setup(driver, AMPERE, GPU="1")
    assert code == 0 and said[-1] == "setup: gpu:0 works" and "2.3 GB" in " ".join(said)
    assert "MXNET=cu117" in asked and "imported" in asked and "gv.core.trial gpu:0" in asked
    assert asked.count("-I -m pip") == asked.count("-m pip") == 3      # neither PYTHONPATH nor this folder is what is installed
    assert os.readlink(checkout.site / "mxnet/libcudnn.so.8") == "../nvidia/cudnn/lib/libcudnn.so.8"
    assert (checkout.site / "mxnet/libcuda.so").exists()
    for again in ({}, {"GPU": "1"}, {"GPU": ""}, {"GPU": "unchecked"}):
        assert checkout.setup(driver, AMPERE, **again) == (0, [], ""), again
    code, said, asked = checkout.setup(GPU="0")
    assert code == 0 and "has another MXNet (cu117, wanted: 1.9.1); making it again" in said[0]
    assert "MXNET=1.9.1" in asked and "trial" not in asked and not (checkout.site / "mxnet/libcuda.so").exists()
    assert checkout.setup(GPU="0") == checkout.setup() == (0, [], "")


def test_what_is_refused_leaves_the_other_kind_as_it_was(driver, checkout):
    assert checkout.setup()[0] == 0
    code, said, asked = checkout.setup(driver, HOPPER, GPU="1")
    assert (code, len(said), asked) == (2, 1, "")
    assert checkout.setup() == (0, [], "")
    code, said, asked = checkout.setup(driver, GPU="1")
    assert code == 0 and any("has another MXNet (1.9.1, wanted: cu117)" in line for line in said) and "MXNET=cu117" in asked


def test_an_interrupted_gpu_environment_is_made_again_as_one(driver, checkout):
    assert checkout.setup(driver, GPU="1")[0] == 0
    (checkout.venv / ".setup-ready").unlink()
    code, said, asked = checkout.setup(driver)
    assert code == 0 and any("was left unfinished" in line for line in said) and "MXNET=cu117" in asked
    (checkout.venv / ".setup-ready").unlink()
    assert checkout.setup(driver, FAKE_BREAK="1")[0] != 0 and not (checkout.venv / "bin").exists()
    assert "MXNET=cu117" in checkout.setup(driver)[2]


def test_unchecked_first_and_the_rest_where_the_driver_is(driver, checkout):
    code, said, asked = checkout.setup(GPU="unchecked")
    assert code == 0 and "MXNET=cu117" in asked and "imported" not in asked
    assert any("GPU=unchecked: not imported" in line for line in said) and not (checkout.site / "mxnet/libcuda.so").is_symlink()
    assert checkout.setup() == checkout.setup(GPU="unchecked") == (0, [], "")
    code, said, asked = checkout.setup(driver, HOPPER, GPU="1")
    assert (code, len(said), asked) == (2, 1, "") and checkout.setup() == (0, [], "")
    code, said, asked = checkout.setup(driver, AMPERE, GPU="1")
    assert code == 0 and "pip" not in asked and "imported" in asked and said[-1] == "setup: gpu:0 works"
    assert (checkout.site / "mxnet/libcuda.so").exists()
    assert checkout.setup(driver, AMPERE, GPU="1") == (0, [], "")


@pytest.mark.parametrize("choice", ["1", "unchecked"])
def test_an_environment_renewed_is_looked_at_as_it_was(driver, checkout, choice):
    """Where the pins have changed, and GPU is not said again: the driver is wanted only by what was made with one."""
    assert checkout.setup(driver, AMPERE, GPU=choice)[0] == 0
    with open(checkout.folder / "setup.py", "a") as file:
        file.write("# other pins\n")
    code, said, asked = checkout.setup(driver, HOPPER)
    if choice == "1":
        assert (code, len(said), asked) == (2, 1, "") and "no code" in said[0] and (checkout.venv / ".setup-ready").exists()
    else:
        assert code == 0 and "MXNET=cu117" in asked and "imported" not in asked
        assert (checkout.venv / ".setup-kind").read_text() == "cu117 unchecked\n"


def test_a_card_that_does_not_work_is_told_and_the_environment_is_there(driver, checkout):
    code, said, asked = checkout.setup(driver, f"{HOPPER};{AMPERE}", GPU="1", FAKE_TRIAL="gpu:1 does not work: why")
    assert code == 1 and said[-1] == "setup: gpu:1 does not work: why; gv devices says more" and "trial gpu:1" in asked
    assert checkout.setup() == (0, [], "")


def test_an_environment_of_someone_else_is_not_turned_into_another_kind(driver, checkout):
    assert checkout.setup()[0] == 0
    for name in (".setup-begun", ".setup-kind"):
        (checkout.venv / name).unlink()
    code, said, asked = checkout.setup(driver, GPU="1")
    assert (code, len(said), asked) == (2, 1, "") and "has another MXNet (1.9.1, wanted: cu117), and was not made by" in said[0]
    assert checkout.setup() == (0, [], "")


def test_environments_from_before_there_were_kinds_are_for_the_cpu(checkout):
    assert checkout.setup()[0] == 0
    (checkout.venv / ".setup-kind").unlink()
    assert checkout.setup() == (0, [], "")


def test_python_313_takes_the_gpu_wheel_past_its_own_requirements(driver, checkout):
    code, _, asked = checkout.setup(driver, GPU="1", FAKE_313="1")
    assert code == 0 and "--no-deps mxnet-cu117==1.9.1" in asked
    assert "--no-deps mxnet==1.9.1" in checkout.setup(GPU="0", FAKE_313="1")[2]
    assert "--no-deps" not in checkout.setup(driver, GPU="1")[2]


def pretend(folder, version):
    """What makes the Python that runs the tests say that it is another: an environment variable."""
    (folder / "other").mkdir()
    (folder / "other/sitecustomize.py").write_text(f"import sys\nsys.version_info = ({version}, 1, 'final', 0)\n")
    return {"PYTHONPATH": str(folder / "other")}


def test_mxnet_of_the_papers_time_has_an_environment_of_its_own(checkout, tmp_path):
    old = pretend(tmp_path, "3, 11")
    code, said, asked = checkout.setup(MXNET="1.5.1", EXTRAS="test", **old)
    assert code == 0 and "MXNET=1.5.1" in asked and ".[test]" in asked
    assert checkout.setup(MXNET="1.5.1", EXTRAS="test", **old) == (0, [], "")
    code, said, asked = checkout.setup(**old)
    assert "has another MXNet (1.5.1, wanted: 1.9.1)" in said[0] and "MXNET=1.9.1" in asked
    assert checkout.setup(MXNET="1.5.1", VENV="", **old)[0] == 0 and (checkout.folder / ".venv-mxnet-1.5.1/.setup-ready").exists()
    assert not (checkout.folder / ".venv").exists()


def test_newer_pythons_are_refused_for_mxnet_151(checkout, tmp_path):
    new = pretend(tmp_path, "3, 12")
    code, said, asked = checkout.setup(MXNET="1.5.1", **new)
    assert (code, len(said), asked) == (2, 1, "") and "Python 3.12.1; MXNet 1.5.1 with these pins needs 3.8 to 3.11" in said[0]
    assert checkout.setup(**new)[0] == 0


@pytest.mark.parametrize("given, folder", [([], ".venv"), (["MXNET=1.9.1"], ".venv"), (["MXNET=1.5.1"], ".venv-mxnet-1.5.1"),
                                           (["MXNET=1.5.1", "VENV=/tmp/x"], "/tmp/x")])
def test_make_knows_the_environment(given, folder):
    done = subprocess.run(["make", "-n", "lint", *given], cwd=ROOT, env=environment(), capture_output=True)
    assert f"{folder}/bin/python -m ruff" in done.stdout.decode(), done.stderr.decode()
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert ".venv/" in ignored and ".venv-*/" in ignored


# --- setup.py

def requirements(monkeypatch, mxnet):
    given = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MXNET", mxnet)
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
    runpy.run_path(str(ROOT / "setup.py"))
    return given["install_requires"]


def test_setup_asks_for_one_mxnet(monkeypatch):
    plain = requirements(monkeypatch, "")
    assert plain == requirements(monkeypatch, "1.9.1")
    names = {mxnet: [line for line in requirements(monkeypatch, mxnet) if line.startswith("mxnet")]
             for mxnet in ("cu117", "1.5.1")}
    assert names == {"cu117": ["mxnet-cu117==1.9.1; python_version < '3.13'"], "1.5.1": ["mxnet==1.5.1.post0"]}
    assert [line for line in plain if line.startswith("mxnet")] == ["mxnet==1.9.1; python_version < '3.13'"]
    own = set(requirements(monkeypatch, "cu117")) - set(plain)
    assert sum(line.startswith("nvidia-") for line in own) == 10 and all("==" in line for line in own - {"wheel"})
    assert set(requirements(monkeypatch, "1.5.1")) ^ set(plain) == {"mxnet==1.9.1; python_version < '3.13'", "mxnet==1.5.1.post0"}
    assert not any("mxnet" in line or "gluoncv" in line for line in requirements(monkeypatch, "none"))
    with pytest.raises(SystemExit, match="MXNET=1.4; expected one of 1.9.1, cu117, none, 1.5.1"):
        requirements(monkeypatch, "1.4")


# --- for real

@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_real_environment_up_to_the_driver(driver, tmp_path):
    """2 GB of downloads, 4.2 GB on disk: everything but the driver's own library resolves, and nets train on the CPU in it."""
    venv, script = tmp_path / "env", ["sh", str(ROOT / ".ci/setup.sh")]
    if not has_driver():
        done = subprocess.run(script, env=environment(GPU="1", VENV=str(venv)), capture_output=True)
        assert (done.returncode, len(done.stderr.decode().splitlines()), venv.exists()) == (2, 1, False)
    given = environment(driver, GPU="1", VENV=str(venv), PYTHON=sys.executable)
    done = subprocess.run(script, env=given, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    python = str(venv / "bin/python")
    library = next(Path(venv).glob("lib/python3*/site-packages/mxnet/libmxnet.so"))
    missing = [line for line in subprocess.run(["ldd", str(library)], env=environment(), stdout=subprocess.PIPE, check=True)
               .stdout.decode().splitlines() if "not found" in line]
    assert has_driver() or [line.split()[0] for line in missing] == ["libcuda.so.1"]
    assert (library.parent / "libnvrtc.so").exists() and (has_driver() or (library.parent / "libcuda.so").exists())
    done = subprocess.run([python, "-I", "-m", "pip", "check"], stdout=subprocess.PIPE)
    unfit = done.stdout.decode().splitlines()
    assert [line for line in unfit if not line.startswith("mxnet-cu117 1.9.1 has requirement numpy")] in (
        [], ["No broken requirements found."])
    seeing_none = {**child_environment(), **environment(driver)}
    code = ("import gv, mxnet as mx; from mxnet import runtime; on = runtime.Features().is_enabled\n"
            "print(mx.context.num_gpus(), [name for name in ('CUDA', 'CUDNN', 'NCCL') if on(name)])")
    done = subprocess.run([python, "-c", code], env=seeing_none, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().split("\n")[0] == "0 ['CUDA', 'CUDNN', 'NCCL']"
    done = subprocess.run([python, "-m", "gv.cli", "devices"], env=seeing_none, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert "for NVIDIA GPUs (CUDA on, cuDNN on" in done.stdout.decode()
    done = subprocess.run([python, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", "tests/test_nets.py",
                           "tests/test_train.py", "tests/test_checkpoint.py"], env=seeing_none, cwd=ROOT, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()[-3000:]
