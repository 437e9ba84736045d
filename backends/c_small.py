"""Small products of matrices in C, written for their sizes: of a general loop's time, most would be spent on asking how large they are.

Rows and columns are cut into blocks that overlap where they do not come out even: what two blocks have in common is computed twice,
to the same bits. So nothing is left over.
"""

from __future__ import annotations

from .c_products import DEPTH, ROWS

MOST = 1 << 16  # multiplications of a small product
PANEL = 1 << 14  # bytes of an operand that is turned, at most


def small(sizes: tuple[int, int, int], a: tuple[int, int], b: tuple[int, int], ctype: str, nbytes: int, width: int):
    """The text of a function of (A, B, C) that writes C = A B, with "@" for its name; None where the product is not small.

    sizes: rows and columns of C, columns of A. a, b: the steps from row to row, and from column to column. width: bytes of a vector.
    """
    (m, n, k), c = sizes, (sizes[1], 1)
    first, second = "A", "B"
    if m > n < width // nbytes // 4:  # the longer side lies on the lanes
        m, n, a, b, c, first, second = n, m, b[::-1], a[::-1], c[::-1], second, first
    if not 0 < m * n * k <= MOST or k > DEPTH:
        return None
    lanes = min(width // nbytes, 1 << n.bit_length() - 1)
    lines = [f"typedef {ctype} vec __attribute__((vector_size({lanes * nbytes}), aligned({nbytes}), may_alias));"]
    if b[1] != 1:
        # whole blocks are turned in registers by the library
        if k * n * nbytes > PANEL or n % (2 * lanes) == k % lanes == 0:
            return None
        lines += [
            f"{ctype} panel[{k * n}];",
            f"for (int k = 0; k < {k}; k++) for (int j = 0; j < {n}; j++) panel[k * {n} + j] = {second}[k * {b[0]} + j * {b[1]}];",
        ]
        second, b = "panel", (n, 1)
    rows = -(-m // -(-m // ROWS))
    columns = [min(j, n - lanes) for j in range(0, n, lanes)]
    for group in (columns[i : i + 2] for i in range(0, len(columns), 2)):
        each = f'_Pragma("GCC unroll 8") for (int r = 0; r < {rows}; r++)'
        sums = [f"s{j}" for j in group]
        lines += [
            f"for (int top = 0; top < {m}; top += {rows}) {{",
            f"const int i = top < {m - rows} ? top : {m - rows};",
        ]
        lines += [f"vec {s}[{rows}];" for s in sums]
        lines.append(f"{each} {{ {' '.join(f'{s}[r] = (vec){{0}};' for s in sums)} }}")
        lines.append(f"for (int k = 0; k < {k}; k++) {{")
        lines += [f"const vec b{j} = *(const vec*)({second} + k * {b[0]} + {j});" for j in group]
        more = " ".join(f"s{j}[r] += x * b{j};" for j in group)
        lines.append(f"{each} {{ const vec x = {first}[(i + r) * {a[0]} + k * {a[1]}] - (vec){{0}}; {more} }} }}")
        if c[1] == 1:
            stored = " ".join(f"*(vec*)(C + (i + r) * {c[0]} + {j}) = s{j}[r];" for j in group)
        else:
            each = f"{each} for (int l = 0; l < {lanes}; l++)"
            stored = " ".join(f"C[(i + r) * {c[0]} + ({j} + l) * {c[1]}] = s{j}[r][l];" for j in group)
        lines += [f"{each} {{ {stored} }}", "}"]
    head = f"FUSED NOINLINE static void @(const {ctype}* A, const {ctype}* B, {ctype}* C) {{"
    return "\n".join([head, "  FUSED_HERE", *(f"  {line}" for line in lines), "}"])
