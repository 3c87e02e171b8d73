#!/usr/bin/env python3
"""Runs the split of kernels on a migration entry and on a mapping, against GUP-fast, and prints a table in Markdown.

tests/kernels/table.py FILE...    the kernels, such as kernels/own/*; target/release/pmdscope runs them

A file of types beside a kernel, NAME.btf, is used for it, and is no kernel itself. Seconds are of the whole command.
"""
import json
import os
import subprocess
import sys
import time

PROGRAM = os.path.join(os.path.dirname(__file__), "..", "..", "target", "release", "pmdscope")


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


def outcome(report):
    if report["incomplete"]:
        return "unknown: " + report["incomplete"].replace("|", "/")
    found = sorted({finding["name"] for finding in report["findings"]})
    return ", ".join(found) or "pass"


def main(kernels):
    if not kernels:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    print("| kernel | fix | migration entry | s | mapping | s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kernel in kernels:
        if kernel.endswith(".btf"):
            continue
        swap, of_swap = run(kernel, "migration-read")
        mapping, of_mapping = run(kernel, "present-huge")
        guard = (swap.get("kernel") or {}).get("split", "unknown")
        name = os.path.basename(kernel)
        print(f"| {name} | {guard} | {outcome(swap)} | {of_swap:.1f} | {outcome(mapping)} | {of_mapping:.1f} |")
    return 0


sys.exit(main(sys.argv[1:]))
