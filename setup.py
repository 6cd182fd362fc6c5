"""Compiles the contract when the package is built; all else is in setup.cfg."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


def compile_protos(target: Path) -> None:
    """Write messages, stubs and their types beside each .proto below `target`."""
    from grpc_tools import protoc

    sources = sorted(str(path.relative_to(target)) for path in (target / "protos" / "v1").glob("*.proto"))
    here = Path(sys.executable).parent
    plugins = [f"--plugin={name}={here / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    outputs = [f"--{kind}_out={target}" for kind in ("python", "grpc_python")]
    typed = (
        [f"--{kind}_out=quiet:{target}" for kind in ("mypy", "mypy_grpc")]
        if (here / "protoc-gen-mypy").exists()
        else []
    )
    if protoc.main(
        ["protoc", f"-I{target}", *plugins, *outputs, *typed, *(str(target / source) for source in sources)]
    ):
        raise SystemExit("the contract in protos/v1 does not compile")


class BuildWithProtos(build_py):
    """build_py, and the generated code with it."""

    def run(self) -> None:
        compile_protos(Path(__file__).parent)
        super().run()


if __name__ == "__main__":
    if sys.argv[1:] == ["protos"]:
        compile_protos(Path(__file__).parent)
    else:
        setup(cmdclass={"build_py": BuildWithProtos})
