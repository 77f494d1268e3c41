"""Every Triton kernel compiles, on a machine without a GPU, for those of every generation from Turing on and for AMD's.

What they compute is tested in `test_triton.py`; here, that they are launched so that no multiply and add is rounded once, and
that divisions round like IEEE's.
"""

from types import SimpleNamespace

import pytest
from triton_tools import INTERPRETED

triton = pytest.importorskip("triton")
if INTERPRETED:
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from pipeline.encoding import philox_kernels  # noqa: E402
from pipeline.neuron.carried import slice_kernels  # noqa: E402
from pipeline.neuron.triton import bit_kernels, kernels, pool_kernels, scans  # noqa: E402

TARGETS = {f"sm_{capability}": GPUTarget("cuda", capability, 32) for capability in (75, 80, 90, 120)}
TARGETS["gfx942"] = GPUTarget("hip", "gfx942", 64)
SIZES = {"neurons", "channels", "input_step", "pooled_step", "count"}  # divisible by 16 in the networks of the paper
FLOATS = {"leak", "threshold", "inverse", "damping", "damping_of_level", "share", "scale"}
POINTERS = {"weights": "*fp32", "potential": "*fp32", "total": "*fp32", "bits": "*u8", "images": "*u8",
            "rows": "*i64", "shifts": "*i32", "table": "*fp32", "mask": "*u8", "grad": "*fp32"}  # fmt: skip
VALUES = {"currents", "current", "spikes", "grad_spikes", "grad_current", "pooled", "grad_pooled"}  # of the network's dtype


def cases():
    """(name, kernel, dtype, constants): every way in which the scans launch a kernel."""
    for dtype, keep in (("fp32", "potentials"), ("bf16", "levels"), ("bf16", "nothing")):
        for exact in (False, True):
            how = {"DELAY": exact, "KEEP": keep, "EXACT": exact, "BLOCK": scans.BLOCK, "STAGES": scans.STAGES}
            yield f"lif_forward {dtype} {keep} {exact}", kernels.lif_forward_kernel, dtype, how
            if keep != "nothing":
                yield f"lif_backward {dtype} {keep} {exact}", kernels.lif_backward_kernel, dtype, how
    for dtype in ("fp32", "bf16"):
        how = {"DELAY": dtype == "fp32", "BLOCK": scans.BLOCK, "STAGES": scans.STAGES}
        yield f"lif_slice {dtype}", slice_kernels.lif_slice_kernel, dtype, how
        yield f"leaky_sum {dtype}", kernels.leaky_sum_kernel, dtype, {"BLOCK": scans.BLOCK, "STAGES": scans.STAGES}
        yield f"leaky_spread {dtype}", kernels.leaky_spread_kernel, dtype, {"BLOCK": scans.BLOCK}
        for size in (2, 3):
            how = {"SIZE": size, "EXACT": size == 2, "DELAY": True, "BLOCK": scans.BLOCK}
            yield f"pool_forward {dtype} {size}", pool_kernels.pool_forward_kernel, dtype, how
        how = {"SIZE": 2, "DELAY": 1, "BLOCK": scans.BLOCK}
        yield f"pool_backward {dtype}", pool_kernels.pool_backward_kernel, dtype, how
        for signed in (False, True):
            how = {"SIGNED": signed, "BLOCK": scans.BLOCK}
            yield f"pack {dtype} {signed}", bit_kernels.pack_kernel, dtype, how
            yield f"unpack {dtype} {signed}", bit_kernels.unpack_kernel, dtype, how
            how = {"SHIFTED": signed, "BLOCK": philox_kernels.BLOCK}
            yield f"poisson {dtype} {signed}", philox_kernels.poisson_kernel, dtype, how
    yield "keep", philox_kernels.keep_kernel, "fp32", {"BLOCK": philox_kernels.BLOCK}


WIDE = ("lif_forward", "lif_backward", "lif_slice", "pool_forward")
"""Kernels that read and write whole spike trains."""
CASES = {name: SimpleNamespace(kernel=kernel, dtype=dtype, constants=how) for name, kernel, dtype, how in cases()}


def compiled(case, target, options):
    """The kernel for `target` with arguments as the scans give them: aligned pointers, steps of a multiple of 16 neurons."""
    names, constants, signature, attributes = case.kernel.arg_names, dict(case.constants), {}, {}
    for index, name in enumerate(names):
        if name == "currents":
            signature[name] = (f"*{case.dtype}",) * 2
            attributes |= {(index, place): [["tt.divisibility", 16]] for place in range(2)}
        elif name in constants or (name == "kept" and case.constants["KEEP"] == "nothing"):
            constants.setdefault(name, None)
            signature[name] = "constexpr"
        elif name == "shifts" and not case.constants["SHIFTED"]:
            constants[name], signature[name] = None, "constexpr"
        elif name == "kept":
            signature[name] = "*u8" if case.constants["KEEP"] == "levels" else "*fp32"
        elif name in VALUES:
            signature[name] = f"*{case.dtype}"
        elif name.startswith("key_"):
            signature[name] = "i64"
        else:
            signature[name] = POINTERS.get(name, "fp32" if name in FLOATS else "i32")
        if signature[name][0] == "*" or name in SIZES:
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=case.kernel, signature=signature, constexprs=constants, attrs=attributes)
    return triton.compile(source, target=target, options=options)


def test_every_kernel_has_a_case():
    modules = (kernels, pool_kernels, bit_kernels, philox_kernels, slice_kernels)
    launched = {name for module in modules for name in vars(module) if name.endswith("_kernel")}
    assert {case.kernel.__name__ for case in CASES.values()} == launched


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_it_compiles_and_rounds_as_the_reference(name, target):
    launch = philox_kernels.LAUNCH if CASES[name].kernel in vars(philox_kernels).values() else scans.LAUNCH
    made = compiled(CASES[name], TARGETS[target], launch)
    if target.startswith("gfx"):
        assert made.asm["hsaco"]
        assert "contract" not in made.asm["llir"]
        return
    code = made.asm["ptx"]
    assert made.asm["cubin"]
    for inexact in ("fma.", "mad.f32", ".ftz", "div.full", "div.approx", "rcp.approx"):
        assert inexact not in code, inexact


@pytest.mark.parametrize("dtype", ["fp32 potentials", "bf16 levels"])
@pytest.mark.parametrize("kernel", ["lif_forward", "lif_backward"])
def test_nothing_is_fused_in_machine_code_either(kernel, dtype):
    """The assembler fuses too, unless told not to; a division by a power of two leaves no such instruction of its own."""
    case = CASES[f"{kernel} {dtype} True"]
    assert "FFMA" not in compiled(case, TARGETS["sm_90"], scans.LAUNCH).asm["sass"]
    fused = compiled(case, TARGETS["sm_90"], scans.LAUNCH | {"enable_fp_fusion": True})  # the guard: otherwise it would show
    assert "FFMA" in fused.asm["sass"] and "fma." in fused.asm["ptx"]


@pytest.mark.parametrize("name", [name for name in CASES if name.split()[0] in WIDE])
def test_a_thread_loads_and_stores_sixteen_bytes_at_a_time(name):
    code = compiled(CASES[name], TARGETS["sm_80"], scans.LAUNCH).asm["ptx"]
    assert "st.global.v4.b32" in code
    assert ".global.b16" not in code
    assert "ld.global.v4.b32" in code or "cp.async.cg.shared.global" in code
