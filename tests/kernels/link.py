#!/usr/bin/env python3
"""Links a few objects of a kernel as a kernel: link.py [--types KIND] [--symbols KIND] ARCH TREE OUT OBJECT...

The kernel's own linker script lays the objects out. Stubs define what the objects do not: functions trap, so that a run
which calls one stops at its name, and data is zero. The BTF is made from the objects' DWARF.
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

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

# Further options of a kernel with CONFIG_RELOCATABLE, whose boot fills in pointers.
RELOCATABLE = {
    "arm64": "-shared -Bsymbolic -z notext --no-apply-dynamic-relocs",
    "riscv64": "-shared -Bsymbolic -z notext",
    "ppc64le": "-pie --no-dynamic-linker",
    "ppc64": "-pie --no-dynamic-linker",
}

# Relocations of calls: a name that has one is a function.
CALLS = re.compile(r"CALL26|JUMP26|PLT32|REL24|CALL_PLT|PLT32DBL")


def run(*command, **kwargs):
    """Runs a program and returns what it prints; its failure ends this one with the last lines of its messages."""
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        sys.exit("\n".join([f"{command[0]} failed:"] + done.stderr.strip().splitlines()[-5:]))
    return done.stdout


def undefined(objects):
    """Returns the names that an object leaves undefined: functions that it calls, and the others."""
    symbols = run(f"llvm-nm{LLVM}", "--undefined-only", "--format=posix", objects)
    # Weak names may stay undefined. The linker defines powerpc's table of contents.
    names = {line.split()[0] for line in symbols.splitlines() if line.split()[1] == "U"} - {".TOC."}
    called = set()
    for line in run(f"llvm-readelf{LLVM}", "--relocs", "--wide", objects).splitlines():
        fields = line.split()
        if len(fields) > 4 and CALLS.search(fields[2]):
            called.add(fields[4])
    return sorted(names & called), sorted(names - called)


def stubs(functions, data, trap, banner):
    """Returns the source of an object that defines these names, and the kernel's banner."""
    # In a whole kernel every digit occurs in the name of a function. pmdscope finds kallsyms by its digits.
    lines = [".text", ".global stubs_0123456789", "stubs_0123456789:"]
    for name in functions:
        lines += [f".global {name}", f".type {name},%function", ".p2align 4"]
        lines += [f"{name}: {trap}", f".size {name},.-{name}"]
    lines += [".data", ".p2align 12"]
    for name in data:
        lines += [f".global {name}", f".type {name},%object", ".p2align 6", f"{name}: .zero 256", f".size {name},256"]
    lines += [".section .rodata,\"a\"", ".global linux_banner", ".type linux_banner,%object",
              f"linux_banner: .asciz \"{banner}\"", ".size linux_banner,.-linux_banner"]
    return "\n".join(lines) + "\n"


class Linker:
    """Links the objects of one build tree. Intermediate files go to a folder of their own."""

    def __init__(self, arch, tree, folder):
        self.target, self.flags, self.trap = ARCHES[arch]
        self.tree = tree
        self.folder = folder
        with open(f"{tree}/.config", encoding="utf-8") as config:
            relocatable = "CONFIG_RELOCATABLE=y\n" in config
        self.layout = RELOCATABLE.get(arch, "") if relocatable else ""

    def assemble(self, name, source):
        """Returns an object made from assembly source."""
        path = f"{self.folder}/{name}"
        with open(f"{path}.S", "w", encoding="ascii") as file:
            file.write(source)
        run(f"clang{LLVM}", *f"--target={self.target}".split(), "-c", "-o", f"{path}.o", f"{path}.S")
        return f"{path}.o"

    def relocatable(self, objects):
        """Returns one object of all, as the kernel's build does: this is where link-time optimisation happens."""
        path = f"{self.folder}/objects.o"
        run(f"ld.lld{LLVM}", *self.flags.split(), "-r", "-o", path, *objects, cwd=self.tree)
        return path

    def command(self, out, parts, *options):
        """Returns the command that links by the kernel's linker script."""
        script = glob.glob(f"{self.tree}/arch/*/kernel/vmlinux.lds")[0]
        return [f"ld.lld{LLVM}", *self.flags.split(), *self.layout.split(), "-z", "noexecstack", "--no-warnings",
                f"--script={script}", "--unresolved-symbols=ignore-all", "--noinhibit-exec", *options,
                "-o", out, *parts]

    def kernel(self, out, parts, *options):
        """Links a kernel."""
        run(*self.command(out, parts, *options), cwd=self.tree)

    def script_symbols(self, objects):
        """Returns the names that the linker script takes from objects which are not here."""
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
        """Returns a file with the types of a kernel's DWARF as BTF."""
        path = f"{self.folder}/types"
        run("pahole", "-J", "--btf_gen_floats", "--lang_exclude=rust", f"--btf_encode_detached={path}", kernel,
            env={**os.environ, "LLVM_OBJCOPY": f"llvm-objcopy{LLVM}"})
        return path

    def kallsyms(self, kernel, every_symbol):
        """Returns the source of a kernel's symbol table, made by the kernel's own program."""
        names = run(f"llvm-nm{LLVM}", "-n", kernel)
        listing = f"{self.folder}/names"
        with open(listing, "w", encoding="ascii") as file:
            # Mapping symbols of arm64 and riscv64 are no symbols of the kernel.
            file.writelines(f"{line}\n" for line in names.splitlines() if not line.split()[-1].startswith(("$", ".L")))
        options = ["--all-symbols"] if every_symbol else []
        return run(f"{self.tree}/scripts/kallsyms", *options, "--pc-relative", listing)


def link(linker, objects, out, types, symbols):
    """Links a kernel, and returns how many functions and data the stubs define."""
    with open(f"{linker.tree}/include/config/kernel.release", encoding="ascii") as file:
        release = file.read().strip()
    with open(f"{linker.tree}/.config", encoding="utf-8") as config:
        compiler = re.search(r'^CONFIG_CC_VERSION_TEXT="(.*)"$', config.read(), re.MULTILINE).group(1)
    banner = f"Linux version {release} (pmdscope) ({compiler}, LLD{LLVM}) #1 SMP"
    joined = linker.relocatable(objects)
    functions, data = undefined(joined)
    data = sorted((set(data) | linker.script_symbols(joined)) - set(functions))
    parts = [joined, linker.assemble("stubs", stubs(functions, data, linker.trap, banner))]

    draft = f"{linker.folder}/kernel"
    if types.startswith("dwarf"):
        options = [f"--compress-debug-sections={types.partition('-')[2] or 'none'}"]
    else:
        options = ["--strip-debug"]
        linker.kernel(draft, parts)
        btf = linker.btf(draft)
        if types == "btf":
            parts.append(linker.assemble("btf", f'.section .BTF,"a"\n.incbin "{btf}"\n'))
        else:
            shutil.move(btf, f"{out}.btf")

    if symbols != "symtab":
        options.append("--strip-all")
        # The table moves what follows it: the first has the right size, the later ones have the right addresses.
        table = []
        for _ in range(3):
            linker.kernel(draft, parts + table, "--strip-debug")
            table = [linker.assemble("kallsyms", linker.kallsyms(draft, symbols == "kallsyms"))]
        parts += table

    linker.kernel(draft, parts, *options)
    shutil.move(draft, f"{out}.part")
    os.replace(f"{out}.part", out)
    return len(functions), len(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--types", default="btf", choices=["btf", "btf-file", "dwarf", "dwarf-zstd", "dwarf-zlib"])
    parser.add_argument("--symbols", default="symtab", choices=["symtab", "kallsyms", "kallsyms-code"])
    parser.add_argument("arch", choices=ARCHES)
    parser.add_argument("tree")
    parser.add_argument("out")
    parser.add_argument("objects", nargs="+")
    given = parser.parse_args()
    if given.types.startswith("dwarf") and given.symbols != "symtab":
        parser.error("a kernel without a symbol table has no DWARF either")

    with tempfile.TemporaryDirectory() as folder:
        linker = Linker(given.arch, os.path.abspath(given.tree), folder)
        functions, data = link(linker, given.objects, os.path.abspath(given.out), given.types, given.symbols)
    print(f"{len(given.objects)} objects, {functions} stubs of functions, {data} of data")


if __name__ == "__main__":
    main()
