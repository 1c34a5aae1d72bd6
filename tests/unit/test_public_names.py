"""The package's public face."""

import subprocess
import sys

import headgate


def test_the_public_names_are_these_and_no_others():
    assert sorted(headgate.__all__) == headgate.__all__
    assert headgate.__all__ == [
        "Candidate",
        "Decision",
        "HeadgateError",
        "Hit",
        "Record",
        "Result",
        "Step",
        "Tier",
        "Usage",
        "__version__",
    ]


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'torch', 'ray', 'numpy', 'faiss', 'openvino', 'grpc'}"
    code = f"import headgate, sys; sys.exit(len({heavy} & set(sys.modules)))"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own
