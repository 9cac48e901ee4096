"""Two hosts, as network namespaces of this machine, with a network that fails: a link cut and restored, packets lost.

    python -m experiments.studies.machines.network --out runs/network

Wants root, iproute2 (ip) and nftables (nft). Each host has an interface and an address of its own on a bridge in a third
namespace, a worker and a server; the launcher reaches them by --rsh "ip netns exec". Two, since their sums do not depend on who
comes first: what a network does may not change a bit of the run. What is made is removed at the end.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from experiments.studies.machines import runs
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.files import write_json

HOSTS, SWITCH, NET = ("gvhost0", "gvhost1"), "gvswitch", "10.97.16"
CUT = f"port{len(HOSTS) - 1}"     # of the bridge: the last host's
SHORT, LONG = 5.0, 1.5     # seconds of a cut that is waited out; of one that is not, in units of --patience
LOSS = """
table inet lossy {{
  chain lost {{
    type filter hook input priority 0; policy accept;
    iifname "eth0" numgen random mod {of} 0 counter drop
  }}
}}
"""


def _ip(*words):
    subprocess.run(["ip", *words], check=True)


@contextmanager
def network():
    """The namespaces, while inside."""
    try:
        _ip("netns", "add", SWITCH)
        _ip("-n", SWITCH, "link", "add", "bridge0", "type", "bridge")
        _ip("-n", SWITCH, "link", "set", "bridge0", "up")
        for number, host in enumerate(HOSTS):
            _ip("netns", "add", host)
            _ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", f"port{number}", "netns", SWITCH)
            _ip("-n", SWITCH, "link", "set", f"port{number}", "master", "bridge0", "up")
            _ip("-n", host, "address", "add", f"{NET}.{number + 1}/24", "dev", "eth0")
            _ip("-n", host, "link", "set", "eth0", "up")
            _ip("-n", host, "link", "set", "lo", "up")
        yield
    finally:
        for name in (*HOSTS, SWITCH):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def lose(of):
    """Drop one of so many packets that reach a host, at random, on every host; 0: none."""
    for host in HOSTS:
        subprocess.run(["ip", "netns", "exec", host, "nft", "delete", "table", "inet", "lossy"], stderr=subprocess.DEVNULL)
        if of:
            subprocess.run(["ip", "netns", "exec", host, "nft", "-f", "-"], input=LOSS.format(of=of).encode(), check=True)


def lost():
    """[packets that each host has lost]."""
    told = [subprocess.run(["ip", "netns", "exec", host, "nft", "list", "table", "inet", "lossy"], stdout=subprocess.PIPE,
                           check=True).stdout.decode() for host in HOSTS]
    return [int(re.search(r"packets (\d+)", text).group(1)) for text in told]


def carried():
    """Bytes that the hosts have sent over the network."""
    total = 0
    for host in HOSTS:
        text = subprocess.run(["ip", "netns", "exec", host, "cat", "/proc/self/net/dev"], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
        total += int(re.search(r"eth0: *(.*)", text).group(1).split()[8])
    return total


def once(data, out, hosts, epochs, patience, cut=0.0):
    """One run over the hosts, the last of which is cut off for ``cut`` seconds once steps are made; {what: value}."""
    begin, before = time.monotonic(), carried()
    where = ["--hosts", str(hosts), "--rsh", "ip netns exec", "--patience", str(patience), "--tries", "9"]
    with runs.launched(data, out, where, epochs=epochs) as process:
        if cut:
            while process.poll() is None and not (out / "log.csv").exists():
                time.sleep(0.05)
            _ip("-n", SWITCH, "link", "set", CUT, "down")
            time.sleep(cut)
            _ip("-n", SWITCH, "link", "set", CUT, "up")
        said, code = runs.messages(process)
    return {"code": code, "seconds": time.monotonic() - begin, "said": said, "bytes": carried() - before,
            "loss": None if code else float(runs.log(out)[-1]["loss"]), "images_s": None if code else runs.speed(out)}


def main(argv=None):
    """Make the network, run, and print the table."""
    parser = Parser(prog="python -m experiments.studies.machines.network", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/network", help="folder, new (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="default %(default)s")
    parser.add_argument("--patience", type=float, default=20.0, help="as the launcher's (default %(default)s)")
    args = parser.parse_args(argv)
    out = Path(args.out)
    if (out / "undisturbed").exists():
        raise InputError(f"--out {out}", "exists", "a new folder")
    if os.geteuid() or not shutil.which("ip") or not shutil.which("nft"):
        raise InputError("network namespaces", "not to be had", "root, with ip and nft")
    data, found = runs.drawn_faces(out), {}
    with network(), tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder, "hosts")
        hosts.write_text("".join(f"{host} address={NET}.{number + 1}\n" for number, host in enumerate(HOSTS)))
        print("| | seconds | images/s | sent | last loss | restarts | lost packets | equal to the bit |\n"
              "|---|---:|---:|---:|---:|---:|---|---|", flush=True)
        for name, cut, of in (("undisturbed", 0, 0), (f"cut for {SHORT:g} s", SHORT, 0),
                              (f"cut for {LONG * args.patience:g} s", LONG * args.patience, 0), ("1 % lost", 0, 100)):
            lose(of)
            folder = out / re.sub(r"\W", "_", name)
            one = found[name] = once(data, folder, hosts, args.epochs, args.patience, cut)
            one["lost"] = lost() if of else []
            one["same"] = not one["code"] and runs.apart(out / "undisturbed", folder)[0] == 0
            restarts = sum("; start " in line for line in one["said"])
            print(f"| {name} | {one['seconds']:.0f} | {one['images_s'] or 0:.0f} | {one['bytes'] / 1e6:.0f} MB | {one['loss']} | "
                  f"{restarts} | {', '.join(map(str, one['lost']))} | {'yes' if one['same'] else 'no'} |", flush=True)
    for name, one in found.items():
        print(f"\n{name}:", *one["said"], sep="\n  ")
    write_json(out / "found.json", found)


if __name__ == "__main__":
    sys.exit(run_main(main, "network"))
