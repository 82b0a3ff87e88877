"""Build the sdist, and from it a wheel for every platform, on one Linux machine: python packaging/wheels.py.

The compiler is zig's clang (the package ziglang), which has what it needs of every platform. The sources, their flags
and what is compiled for which processor are those of CMakeLists.txt.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import ziglang
from commands import ROOT, run


class Platform(NamedTuple):
    """What a wheel is for.

    Attributes:
        tag: the platform tag of the wheel.
        target: the same in zig's words.
        library: the file of the native library.
    """

    tag: str
    target: str
    library: str


# The platforms that gensim has wheels for.
PLATFORMS = (
    Platform("manylinux2014_x86_64.manylinux_2_17_x86_64", "x86_64-linux-gnu.2.17", "_native.so"),
    Platform("manylinux2014_aarch64.manylinux_2_17_aarch64", "aarch64-linux-gnu.2.17", "_native.so"),
    Platform("macosx_11_0_arm64", "aarch64-macos.11.0", "_native.dylib"),
    Platform("macosx_10_15_x86_64", "x86_64-macos.10.15", "_native.dylib"),
    Platform("win_amd64", "x86_64-windows-gnu", "_native.dll"),
)


def build_sdist(folder: Path) -> Path:
    """Build the sdist into a folder, and return its path."""
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ".")
    (path,) = folder.glob("*.tar.gz")
    return path


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist into a folder, and return the path of its tree."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


def build_wheel(tree: Path, platform: Platform, folder: Path) -> Path:
    """Build the wheel of a platform into a folder, and return its path.

    Args:
        tree: the unpacked sdist.
        platform: what the wheel is for.
        folder: where it goes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        printed = run(
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", temporary),
            # The linker has removed what there is to remove.
            *("-Cinstall.strip=false", "."),
            cwd=tree,
            ZIG=str(Path(ziglang.__file__).with_name("zig")),
            ZIG_TARGET=platform.target,
            ZIG_GLOBAL_CACHE_DIR=str(ROOT / "build" / "zig"),
            ZIG_LOCAL_CACHE_DIR=str(ROOT / "build" / "zig"),
            CMAKE_TOOLCHAIN_FILE=str(tree / "packaging" / "zig.cmake"),
            CMAKE_BUILD_PARALLEL_LEVEL="1",
        )
        (wheel,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            # pyproject.toml makes a wheel without it where it cannot be compiled.
            if f"torch_w2v/{platform.library}" not in archive.namelist():
                sys.exit(f"{platform.library} was not compiled for {platform.target}:\n{printed}")
        run(sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", platform.tag, wheel)
        (wheel,) = Path(temporary).glob("*.whl")
        return Path(shutil.move(wheel, folder / wheel.name))


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the files (default dist)")
    parser.add_argument("--only", metavar="WORD", help="build only wheels whose platform has this word, such as win")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    sdist = build_sdist(arguments.out)
    print(sdist)
    with tempfile.TemporaryDirectory() as temporary:
        tree = unpack(sdist, Path(temporary))
        for platform in PLATFORMS:
            if (arguments.only or "") in platform.tag:
                print(build_wheel(tree, platform, arguments.out), flush=True)


if __name__ == "__main__":
    main()
