#!/usr/bin/env python3
"""Links some objects of a kernel as a kernel: link.py ARCH TREE OUT OBJECT... [--types KIND] [--symbols KIND]

The objects are linked by the kernel's own linker script. What they do not define is stubbed: functions trap, so that a
run which needs one stops at its name, and data is zero. The types are BTF made of the objects' DWARF.
"""

import argparse
import glob
import os
import re
import subprocess
import sys

LLVM = os.environ.get("LLVM", "-19")

# Per architecture: the compiler's target and ABI, options of the linker, and an instruction that traps.
ARCHES = {
    "arm64": ("aarch64-linux-gnu", "-EL -maarch64elf -z norelro", ".inst 0xd4200000"),
    "x86_64": ("x86_64-linux-gnu", "-m elf_x86_64 -z max-page-size=0x200000", "ud2"),
    "riscv64": ("riscv64-linux-gnu -mabi=lp64 -march=rv64imac", "-m elf64lriscv -z norelro --no-relax", "ebreak"),
    "ppc64le": ("powerpc64le-linux-gnu", "-EL -m elf64lppc -z notext", "trap"),
    "ppc64": ("powerpc64-linux-gnu -mabi=elfv2", "-EB -m elf64ppc -z notext", "trap"),
    "s390x": ("s390x-linux-gnu", "-m elf64_s390", ".short 0"),
}

# Relocations of calls: what only these name is a function.
CALLS = re.compile(r"CALL26|JUMP26|PLT32|REL24|CALL_PLT|PLT32DBL")


def run(*command, **kwargs):
    """Runs a program and returns what it prints; its failure ends this one with the last lines of its messages."""
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        sys.exit("\n".join([f"{command[0]} failed:"] + done.stderr.strip().splitlines()[-5:]))
    return done.stdout


def undefined(objects):
    """The names that the objects leave undefined: functions that they call, and the rest."""
    names = {line.split()[0] for line in run(f"llvm-nm{LLVM}", "--undefined-only", "--format=posix", objects).splitlines()
             if line.split()[1] == "U"}
    called = set()
    for line in run(f"llvm-readelf{LLVM}", "--relocs", "--wide", objects).splitlines():
        fields = line.split()
        if len(fields) > 4 and CALLS.search(fields[2]):
            called.add(fields[4])
    # The linker defines the table of contents of powerpc.
    names.discard(".TOC.")
    return sorted(names & called), sorted(names - called)


def stubs(functions, data, trap, banner):
    """The source of an object that defines these names, and the kernel's banner."""
    # As in any whole kernel, each digit occurs in the name of a function: the table of kallsyms is found by them.
    lines = [".text", ".global stubs_0123456789", "stubs_0123456789:"]
    for name in functions:
        lines += [f".global {name}", f".type {name},%function", ".p2align 4", f"{name}: {trap}", f".size {name},.-{name}"]
    lines += [".data", ".p2align 12"]
    for name in data:
        lines += [f".global {name}", f".type {name},%object", ".p2align 6", f"{name}: .zero 256", f".size {name},256"]
    lines += [".section .rodata,\"a\"", ".global linux_banner", ".type linux_banner,%object",
              f"linux_banner: .asciz \"{banner}\"", ".size linux_banner,.-linux_banner"]
    return "\n".join(lines) + "\n"


class Linker:
    """Links in one build tree for one architecture."""

    def __init__(self, arch, tree, out):
        self.target, self.flags, self.trap = ARCHES[arch]
        self.tree = tree
        self.out = out

    def assemble(self, name, source):
        """Adds an object, made of assembly source, to what is linked."""
        path = f"{self.out}.{name}"
        with open(f"{path}.S", "w", encoding="ascii") as file:
            file.write(source)
        run(f"clang{LLVM}", *f"--target={self.target}".split(), "-c", "-o", f"{path}.o", f"{path}.S")
        return f"{path}.o"

    def relocatable(self, objects):
        """One object of all, as the kernel's build has it: this is where link-time optimisation happens."""
        path = f"{self.out}.objects.o"
        run(f"ld.lld{LLVM}", *self.flags.split(), "-r", "-o", path, *objects, cwd=self.tree)
        return path

    def command(self, out, parts, *options):
        """The command that links by the kernel's linker script."""
        script = glob.glob(f"{self.tree}/arch/*/kernel/vmlinux.lds")[0]
        return [f"ld.lld{LLVM}", *self.flags.split(), "-z", "noexecstack", "--no-warnings", f"--script={script}",
                "--unresolved-symbols=ignore-all", "--noinhibit-exec", *options, "-o", out, *parts]

    def kernel(self, out, parts, *options):
        """Links a kernel."""
        run(*self.command(out, parts, *options), cwd=self.tree)

    def script_symbols(self, objects):
        """The names that the linker script takes from objects which are not here."""
        names = set()
        while True:
            stub = self.assemble("script", stubs([], names, self.trap, ""))
            command = self.command(os.devnull, [objects, stub])
            said = subprocess.run(command, capture_output=True, text=True, cwd=self.tree, check=False).stderr
            missing = set(re.findall(r"symbol not found: (\w+)", said)) - names
            if not missing:
                return names
            names |= missing

    def btf(self, kernel):
        """Writes the types of a kernel's DWARF as BTF, and returns the file."""
        path = f"{self.out}.types"
        run("pahole", "-J", "--btf_gen_floats", "--lang_exclude=rust", f"--btf_encode_detached={path}", kernel,
            env={**os.environ, "LLVM_OBJCOPY": f"llvm-objcopy{LLVM}"})
        return path

    def kallsyms(self, kernel, every_symbol):
        """The source of a kernel's symbol table, by the kernel's own program."""
        names = run(f"llvm-nm{LLVM}", "-n", kernel)
        listing = f"{self.out}.syms"
        with open(listing, "w", encoding="ascii") as file:
            # Mapping symbols of arm64 and riscv64 are no symbols of the kernel.
            file.writelines(f"{line}\n" for line in names.splitlines() if not line.split()[-1].startswith(("$", ".L")))
        options = ["--all-symbols"] if every_symbol else []
        return run(f"{self.tree}/scripts/kallsyms", *options, "--pc-relative", listing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--types", default="btf", choices=["btf", "btf-file", "dwarf", "dwarf-zstd", "dwarf-zlib"])
    parser.add_argument("--symbols", default="symtab", choices=["symtab", "kallsyms", "kallsyms-code"])
    parser.add_argument("arch", choices=ARCHES)
    parser.add_argument("tree")
    parser.add_argument("out")
    parser.add_argument("objects", nargs="+")
    given = parser.parse_args()
    linker = Linker(given.arch, os.path.abspath(given.tree), os.path.abspath(given.out))

    with open(f"{linker.tree}/include/config/kernel.release", encoding="ascii") as file:
        banner = f"Linux version {file.read().strip()} (pmdscope) (clang and LLD{LLVM}) #1 SMP"
    objects = linker.relocatable(given.objects)
    functions, data = undefined(objects)
    data = sorted((set(data) | linker.script_symbols(objects)) - set(functions))
    parts = [objects, linker.assemble("stubs", stubs(functions, data, linker.trap, banner))]

    with_dwarf = f"{linker.out}.dwarf"
    if given.types.startswith("dwarf"):
        compression = given.types.partition("-")[2] or "none"
        options = [f"--compress-debug-sections={compression}"]
    else:
        linker.kernel(with_dwarf, parts)
        types = linker.btf(with_dwarf)
        if given.types == "btf":
            parts.append(linker.assemble("btf", f".section .BTF,\"a\"\n.incbin \"{types}\"\n"))
        else:
            os.replace(types, f"{linker.out}.btf")
        options = ["--strip-debug"]

    if given.symbols != "symtab":
        # The table moves what follows it, so that the addresses are right only the second time.
        table = []
        for _ in range(3):
            linker.kernel(with_dwarf, parts + table, "--strip-debug")
            table = [linker.assemble("kallsyms", linker.kallsyms(with_dwarf, given.symbols == "kallsyms"))]
        parts += table
        options = ["--strip-all"]

    linker.kernel(f"{linker.out}.part", parts, *options)
    os.replace(f"{linker.out}.part", linker.out)
    for name in ["dwarf", "objects.o", "types", "syms"] + [f"{n}.{e}" for n in ["script", "stubs", "btf", "kallsyms"] for e in "So"]:
        if os.path.exists(f"{linker.out}.{name}"):
            os.remove(f"{linker.out}.{name}")
    print(f"{len(given.objects)} objects, {len(functions)} stubs of functions, {len(data)} of data")


if __name__ == "__main__":
    main()
