#!/usr/bin/env python3
"""Runs the split of kernels on a migration entry and on a mapping, against GUP-fast, and prints a table in Markdown.

tests/kernels/table.py FILE...    the kernels, such as kernels/own/*; target/release/pmdscope runs them

A file's name is ARCH-CONFIGURATION. A file of types beside a kernel, NAME.btf, is used for it, and is no kernel itself. A
cell says whether the split has the fix, and the seconds of the slower command; what is unlike the other cells has a
number, and a line below the table.
"""
import json
import os
import subprocess
import sys
import time

PROGRAM = os.path.join(os.path.dirname(__file__), "..", "..", "target", "release", "pmdscope")
ARCHES = ["arm64", "x86_64", "riscv64", "ppc64le", "ppc64", "s390x", "loongarch64"]


def run(kernel, entry):
    command = [PROGRAM, "run", "--kernel", kernel, "--entry", entry, "--walker", "gup-fast-read", "--format", "json"]
    if os.path.isfile(kernel + ".btf"):
        command += ["--types", kernel + ".btf"]
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begin
    try:
        return json.loads(done.stdout), seconds
    except ValueError:
        return {"verdict": "unknown", "incomplete": done.stderr.strip(), "findings": []}, seconds


def remarks(swap, mapping):
    """What is unlike a guarded kernel that passes."""
    said = []
    for entry, report in [("a migration entry", swap), ("a mapping", mapping)]:
        if report["incomplete"]:
            said.append(f"unknown on {entry}: {report['incomplete']}")
            continue
        names = ", ".join(sorted({finding["name"] for finding in report["findings"]}))
        warned = ", ".join(warning["place"] for warning in (report.get("kernel") or {}).get("warnings", []))
        if names:
            said.append(f"{names} on {entry}")
        if warned:
            said.append(f"WARN at {warned} on {entry}")
    return "; ".join(said)


def main(kernels):
    if not kernels:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    cells, notes = {}, []
    for kernel in kernels:
        if kernel.endswith(".btf"):
            continue
        arch, _, configuration = os.path.basename(kernel).partition("-")
        swap, of_swap = run(kernel, "migration-read")
        mapping, of_mapping = run(kernel, "present-huge")
        guard = (swap.get("kernel") or {}).get("split", "unknown")
        cell = f"{guard} {max(of_swap, of_mapping):.1f}"
        said = remarks(swap, mapping)
        if said:
            if said not in notes:
                notes.append(said)
            cell += f" [{notes.index(said) + 1}]"
        cells.setdefault(configuration, {})[arch] = cell
    arches = [arch for arch in ARCHES if any(arch in row for row in cells.values())]
    print(f"| configuration | {' | '.join(arches)} |")
    print(f"| --- |{' --- |' * len(arches)}")
    for configuration, row in sorted(cells.items(), key=lambda item: (item[0] != "base", item[0])):
        print(f"| {configuration} | {' | '.join(row.get(arch, '') for arch in arches)} |")
    print()
    for number, said in enumerate(notes, 1):
        print(f"[{number}] {said}")
    return 0


sys.exit(main(sys.argv[1:]))
