"""Has the processor instructions for eight-bit numbers, which make small models fast?

/proc/cpuinfo -> [Finding]
"""

from __future__ import annotations

from pathlib import Path

from headgate.serving.cluster.doctor.finding import Finding, Level, ok

CPU_INFO = Path("/proc/cpuinfo")
_FAST = {
    "amx_int8": "AMX",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX VNNI",
    "i8mm": "I8MM",
    "asimddp": "dot products",
}
"""By the kernel's word, from the fastest on; the last two are those of ARM."""


def eight_bit_support(cpu_info: Path = CPU_INFO) -> list[Finding]:
    """Return whether encoders of `precision: int8` run at their speed."""
    try:
        lines = cpu_info.read_text("ascii", "replace").splitlines()
    except OSError:
        return [Finding(Level.NOTE, "the system does not say what its processor can do")]
    flags: set[str] = set()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            flags.update(value.split())
    found = [word for flag, word in _FAST.items() if flag in flags]
    if found:
        return ok(f"the processor has instructions for int8 models: {', '.join(found)}")
    what = "the processor has no instructions for int8 models (VNNI or AMX): they gain little here"
    return [Finding(Level.NOTE, what, "Try `precision: float32`, or a newer kind of machine.")]
