"""Tables of numbers in text files (CSV)."""

import re
from collections.abc import Iterable
from itertools import chain
from math import inf, isinf, isnan, nan
from typing import Any, NamedTuple

import numpy as np

from ..autograd.arguments import choose, whole_number
from ..autograd.errors import ArgumentError, DataError, DtypeError
from ..autograd.files import refuse_device
from ..autograd.ops.creation import default_dtype, dtype_of
from ..autograd.typing import DType, FilePath

MISSING = {"", "?", "na", "n/a", "nan", "null", "none"}  # in whatever case


class Table(NamedTuple):
    """What `read_csv` found in a file.

    Fields:
        x: the numbers (n, d), without the target.
        y: the target (n,), or None.
        names: the names of the columns of x, as a list.
        classes: the words that the class indices in y stand for, as a list, or None.
    """

    x: Any
    y: Any
    names: list[str]
    classes: list[str] | None


def read_csv(
    path: FilePath,
    target: str | int | None = None,
    *,
    delimiter: str = ",",
    header: bool | str = "auto",
    classes: Iterable[str] | None = None,
    missing: str = "raise",
    dtype: DType | None = None,
    encoding: str = "utf-8",
) -> Table:
    """The numbers in a CSV file, as a Table (x, y, names, classes); y is the column `target`, a name or a position.

    A target of words becomes class indices, in the order of `classes` or else of the alphabet (so give the `classes` of
    the training file when you read the test file). A target of whole numbers is int64, uint64 where that is too small,
    any other is of `dtype`.
    header="auto" takes the first line for names if no cell in it is a number; True and False decide it. Columns
    without names are x0, x1, …. Empty cells, ? and words such as NA and nan are missing values; with missing="nan"
    they become NaN in columns of numbers. Quotes, blank lines and all line ends are understood.

    Shape: x (n, d) without the target, y (n,).
    Raises: DataError with file, line and column for a cell that is missing, not a number or too large for `dtype`, an
        unknown class, whole numbers of the target that `dtype` would make equal, and lines of different lengths;
        DataError for a file that is missing, empty or in another encoding; ArgumentError for an unknown target, listing
        those that exist, or option; DtypeError unless dtype (None: the default) is floating.
    Example:
        >>> import chainrule as cr, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "flowers.csv"
        >>> _ = path.write_text("length,width,flower\\n5.0,3.5,iris\\n1.0,0.5,daisy\\n")
        >>> table = cr.data.read_csv(path, target="flower")
        >>> table.x.tolist(), table.y.tolist(), table.names, table.classes
        ([[5.0, 3.5], [1.0, 0.5]], [1, 0], ['length', 'width'], ['daisy', 'iris'])
    """
    from array import array  # grows a number at a time, at 8 bytes each

    choose("header", header, {"auto": None, True: None, False: None})
    choose("way with missing values", missing, {"raise": None, "nan": None})
    dtype = default_dtype() if dtype is None else dtype_of(dtype)
    if dtype.kind != "f":
        raise DtypeError(f"read_csv: dtype must be a floating one such as 'float32', not {dtype}; convert x afterwards")
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise ArgumentError(f"read_csv: delimiter must be one character such as ';' or '\\t', not {delimiter!r}")
    rows = _rows(path, delimiter, encoding)
    first = next(rows, None)
    if first is None:
        raise DataError(f"read_csv: {path} is empty")
    names = [cell.strip() for cell in first[1]]
    if not (_are_names(names) if header == "auto" else header):
        names, rows = [f"x{i}" for i in range(len(names))], chain([first], rows)
    at = None if target is None else _position(target, names, path)
    width, target = len(names), None if at is None else names.pop(at)

    lines, words, values = [], [], array("d")
    for line, row in rows:
        if len(row) != width:
            raise DataError(
                f"read_csv: {path}, line {line}: needs as many cells as line {first[0]}, {width}, found {len(row)}; "
                f"is {delimiter!r} the delimiter?"
            )
        lines.append(line)
        if at is not None:
            words.append(row.pop(at).strip())
        values.extend(_numbers(row, names, path, line))
    if not lines:
        raise DataError(f"read_csv: {path} has a line of names, and nothing below it")
    x = _checked(values, names, path, lines, missing, dtype)
    if at is None:
        return Table(x, None, names, None)
    if classes is not None or not any(map(_is_number, words)):
        index, classes = _indices(words, classes, target, path, lines)
        return Table(x, index, names, classes)
    y = _whole(words)
    if y is None:
        numbers = [n for line, word in zip(lines, words, strict=True) for n in _numbers([word], [target], path, line)]
        y = _checked(numbers, [target], path, lines, missing, dtype)[:, 0]
        _check_apart(y, words, numbers, target, path, lines)
    return Table(x, y, names, None)


def _whole(words):
    """The words as integers of 64 bits, if all of them are whole numbers that these can hold; else None."""
    if not all(re.fullmatch("[+-]?[0-9]{1,20}", word) for word in words):
        return None
    whole = [int(word) for word in words]
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= min(whole) and max(whole) <= np.iinfo(dtype).max:
            return np.array(whole, dtype)
    return None


def _check_apart(y, words, numbers, target, path, lines):
    """Raise if two different whole numbers of a target of whole numbers, which may be labels, are equal in y."""
    from decimal import Decimal

    seen = {}
    if not all(n.is_integer() for n in numbers):
        return
    for line, word, number in zip(lines, words, y.tolist(), strict=True):
        exact = Decimal(word) if number else 0  # what is too small for a float is 0
        if seen.setdefault(number, exact) != exact:
            raise DataError(
                f"read_csv: {path}, line {line}, column {target!r}: {word} and {seen[number]} would be equal in {y.dtype}; "
                "read them with dtype='float64', or as words: give classes"
            )


def _rows(path, delimiter, encoding):
    """(line number, cells) of each line that is not blank; a cell with line breaks counts from its first one."""
    import codecs
    import csv

    try:
        encoding = codecs.lookup(encoding).name  # of whatever spelling
    except (LookupError, TypeError, ValueError):
        raise ArgumentError(f"read_csv: there is no encoding {encoding!r}; use 'utf-8' or 'latin-1'") from None
    try:
        refuse_device(path)
        with open(path, newline="", encoding="utf-8-sig" if encoding == "utf-8" else encoding) as file:
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            line = 1
            for row in reader:
                if len(row) > 1 or row and row[0].strip():
                    yield line, row
                line = reader.line_num + 1
    except FileNotFoundError:
        raise DataError(f"read_csv: there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"read_csv: {path} is not in {encoding} ({error.reason}); save it as UTF-8, or give its encoding, "
            "for instance encoding='latin-1'"
        ) from None
    except LookupError:
        raise ArgumentError(f"read_csv: {encoding!r} is no encoding of text; use 'utf-8' or 'latin-1'") from None
    except csv.Error as error:
        raise DataError(f"read_csv: {path}, line {line}: {error}") from None
    except OSError as error:
        raise DataError(f"read_csv: {path} cannot be read: {error}") from error


def _is_number(word):
    try:
        return not isnan(_number(word))
    except OverflowError:
        return True
    except ValueError:
        return False


def _number(cell):
    """The number in a cell, NaN if it is missing; ValueError if it is not a number, OverflowError if none is so large."""
    if "_" in cell:  # Python reads 1_000 as 1000; in a data file it is a word
        raise ValueError
    number = nan if cell.strip().lower() in MISSING else float(cell)
    if isinf(number) and any(letter.isdigit() for letter in cell):  # 1e999, unlike inf
        raise OverflowError
    return number


def _are_names(cells):
    return not any(map(_is_number, cells)) and any(cell.lower() not in MISSING for cell in cells)


def _position(target, names, path):
    """Where the target stands among the columns."""
    if isinstance(target, str) and names.count(target) < 2:
        return choose(f"target column of {path}", target, {name: i for i, name in enumerate(names)})
    if whole_number(target) and -len(names) <= target < len(names):
        return int(target)
    raise ArgumentError(
        f"read_csv: target must be one name, or a position among the {len(names)} columns {names}, not {target!r}"
    )


def _numbers(row, names, path, line):
    """The numbers in a line, NaN where one is missing."""
    if "_" not in "".join(row):
        try:
            numbers = list(map(float, row))
            if inf not in numbers and -inf not in numbers:
                return numbers
        except ValueError:
            pass  # slower, and cell by cell
    numbers = []
    for name, cell in zip(names, row, strict=True):
        try:
            numbers.append(_number(cell))
        except OverflowError:
            raise DataError(
                f"read_csv: {path}, line {line}, column {name!r}: {cell!r:.80} is too large for any floating dtype"
            ) from None
        except ValueError:
            raise DataError(
                f"read_csv: {path}, line {line}, column {name!r}: {cell!r} is not a number; columns of words can only "
                "be the target (if its words look like numbers, give classes), and names need header=True"
            ) from None
    return numbers


def _checked(values, names, path, lines, missing, dtype):
    """The values as an array (lines, names) of `dtype`, if none is lost on the way."""
    exact = np.array(values).reshape(len(lines), len(names))
    with np.errstate(over="ignore"):
        result = exact.astype(dtype)
    for bad, fault in (
        (np.isnan(exact) & (missing == "raise"), "is missing; fill in the values, or read them with missing='nan'"),
        (np.isinf(result) & np.isfinite(exact), f"is too large for {dtype}; read it with dtype='float64'"),
    ):
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise DataError(
                f"read_csv: {path}, line {lines[row]}, column {names[column]!r}: the value {fault} ({bad.sum()} in all)"
            )
    return result


def _indices(words, classes, target, path, lines):
    """(class indices, classes) of the words in the target column."""
    known = sorted(set(words) - {w for w in words if w.lower() in MISSING}) if classes is None else list(classes)
    index = {str(label): i for i, label in enumerate(known)}
    if len(index) < len(known):
        raise ArgumentError(f"read_csv: each of classes must be another word, given {known}")
    for line, word in zip(lines, words, strict=True):
        if word not in index:
            fault = "the class is missing" if classes is None else f"unknown class {word!r}; the classes are {known}"
            raise DataError(f"read_csv: {path}, line {line}, column {target!r}: {fault}")
    return np.array([index[word] for word in words]), known
