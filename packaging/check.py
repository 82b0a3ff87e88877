"""Check the files of a release, which `wheels.py` has made: python packaging/check.py [DIST].

Every file in a wheel and in the sdist is accounted for; a native library is for the platform of its wheel, needs only
what every system of that platform has, and shows the functions that Python calls and no others; the metadata is valid;
and the sdist builds and works in an environment of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import lief
from commands import ROOT, run
from wheels import PLATFORMS, Platform

METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
NEWEST_GLIBC = (2, 17)
# What the library may load, besides nothing.
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1", "ucrtbase.dll", "/usr/lib/libSystem.B.dylib"}
# What every library of macOS has.
LINKERS_OWN = {"__dso_handle", "_mh_dylib_header"}
ISAS = {"x86_64": ("base", "avx2", "avx512"), "aarch64": ("base",)}


def tracked() -> set[str]:
    """Return the files of the repository."""
    return set(run("git", "ls-files").split())


def expected_functions(processor: str) -> set[str]:
    """Return the functions that the library for a processor shows, as the sources have them."""
    sources = "".join((ROOT / name).read_text(encoding="utf8") for name in tracked() if name.endswith(".cpp"))
    plain = set(re.findall(r"^EXPORT [^(]*?(w2v_\w+)\(", sources, re.MULTILINE))
    build = (ROOT / "CMakeLists.txt").read_text(encoding="utf8")
    kernels = set(re.findall(r"^set\((w2v_\w+) ", build, re.MULTILINE))
    kernels |= set(re.findall(r"^EXPORTED\((w2v_\w+)\)", sources, re.MULTILINE))
    assert plain, "no function in the sources"
    assert kernels, "no kernel in CMakeLists.txt"
    # of instruction sets that not every kernel is compiled for
    single = {"_".join(found) for found in re.findall(r"^ +add_kernel\((w2v_\w+) (\w+) ", build, re.MULTILINE)}
    more = single if processor == "x86_64" else set()
    return plain | more | {f"{kernel}_{isa}" for kernel in kernels for isa in ISAS[processor]}


def check_library(data: bytes, platform: Platform) -> str:
    """Check a native library, and return what it needs."""
    processor, system = platform.target.split(".")[0].split("-")[:2]
    library = lief.parse(list(data))
    if system == "linux":
        assert isinstance(library, lief.ELF.Binary)
        arches = {"x86_64": lief.ELF.ARCH.X86_64, "aarch64": lief.ELF.ARCH.AARCH64}
        assert library.header.machine_type == arches[processor]
        shown = {symbol.name for symbol in library.exported_symbols}
        versions = {
            tuple(map(int, auxiliary.name.removeprefix("GLIBC_").split(".")))
            for requirement in library.symbols_version_requirement
            for auxiliary in requirement.get_auxiliary_symbols()
        }
        assert max(versions) <= NEWEST_GLIBC, versions
        needs = set(library.libraries)
        detail = f"glibc {'.'.join(map(str, max(versions)))}"
    elif system == "macos":
        assert isinstance(library, lief.MachO.Binary)
        arches = {"x86_64": lief.MachO.Header.CPU_TYPE.X86_64, "aarch64": lief.MachO.Header.CPU_TYPE.ARM64}
        assert library.header.cpu_type == arches[processor]
        shown = {symbol.name.removeprefix("_") for symbol in library.exported_symbols} - LINKERS_OWN
        oldest = library.build_version.minos if library.has_build_version else library.version_min.version
        assert list(oldest)[:2] == list(map(int, platform.target.split("macos.")[1].split("."))), oldest
        # Processors of Apple's run signed code only.
        assert library.has_code_signature or processor == "x86_64"
        needs = {command.name for command in library.libraries} - {library[lief.MachO.LoadCommand.TYPE.ID_DYLIB].name}
        detail = f"macOS {'.'.join(map(str, list(oldest)[:2]))}, signed: {library.has_code_signature}"
    else:
        assert isinstance(library, lief.PE.Binary)
        assert library.header.machine == lief.PE.Header.MACHINE_TYPES.AMD64
        shown = {entry.name for entry in library.get_export().entries}
        needs = {imported.name for imported in library.imports}
        detail = ", ".join(sorted(needs))
    wanted = expected_functions(processor)
    assert shown == wanted, f"shown {sorted(shown - wanted)}, missing {sorted(wanted - shown)}"
    assert needs <= SYSTEM_LIBRARIES, needs
    return f"{len(shown)} functions, {detail}"


def check_wheel(path: Path, platform: Platform) -> str:
    """Check a wheel, and return a line about it."""
    with zipfile.ZipFile(path) as wheel:
        assert wheel.testzip() is None
        names = set(wheel.namelist())
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        package = {name for name in tracked() if re.fullmatch(r"torch_w2v/.*(\.py|py\.typed)", name)}
        wanted = package | {f"{info}/{name}" for name in METADATA} | {f"torch_w2v/{platform.library}"}
        assert names == wanted, f"too many {sorted(names - wanted)}, missing {sorted(wanted - names)}"
        tags = set(re.findall(r"^Tag: (.+)$", wheel.read(f"{info}/WHEEL").decode(), re.MULTILINE))
        assert tags == {f"py3-none-{tag}" for tag in platform.tag.split(".")}, tags
        found = check_library(wheel.read(f"torch_w2v/{platform.library}"), platform)
    return f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {len(names)} files; library: {found}"


def check_sdist(path: Path) -> str:
    """Check that an sdist has all that is tracked, and return a line about it."""
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    missing, wanted = tracked() - names, tracked() | {"PKG-INFO"}
    assert not missing, sorted(missing)
    assert names == wanted, sorted(names - wanted)
    return f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {len(names)} files"


def check_build(sdist: Path) -> str:
    """Install an sdist in an environment of its own, as pip does where there is no wheel, and train there."""
    program = (
        "from torch_w2v import Word2Vec, native\n"
        "from gensim.test.utils import common_texts\n"
        "assert native.available()\n"
        "print(Word2Vec(common_texts, min_count=1, engine='cpu').wv.vectors.shape)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "gensim>=4.4,<4.5")
        run(python, "-m", "pip", "install", "--no-deps", "--no-cache-dir", sdist)
        done = subprocess.run([python, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return f"{sdist.name}: builds in a fresh environment, and trains: {done.stdout.strip()}"


def main(dist: Path) -> None:
    """Check all, and print one line for each file."""
    (sdist,) = dist.glob("*.tar.gz")
    wheels = set(dist.glob("*.whl"))
    print(run(sys.executable, "-m", "twine", "check", "--strict", sdist, *sorted(wheels)).strip())
    print(check_sdist(sdist))
    for platform in PLATFORMS:
        (path,) = [path for path in wheels if path.name.endswith(f"-py3-none-{platform.tag}.whl")]
        wheels.remove(path)
        print(check_wheel(path, platform))
    assert not wheels, f"unknown wheels: {sorted(wheels)}"
    print(check_build(sdist))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
