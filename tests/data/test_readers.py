"""read_idx and read_csv: what they read, and that damaged files are refused with the place of the damage."""

import csv
import gzip
import io
import re
import struct
import tracemalloc

import numpy as np
import pytest
from damage import damaged

import chainrule as cr

# ---- read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array):
    """The bytes of an IDX file."""
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(folder, data, name="file"):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(), (5,), (0,), (3, 4), (0, 28, 28), (2, 3, 4), (1,) * 10])
def test_an_idx_file_gives_back_the_array_in_it(dtype, shape, tmp_path):
    a = np.array(np.random.default_rng(0).normal(size=shape) * 100, dtype)
    b = cr.data.read_idx(write(tmp_path, idx(a)))
    assert (b.dtype, b.shape) == (a.dtype, a.shape)
    assert b.dtype.isnative
    np.testing.assert_array_equal(a, b)


def test_bytes_are_read_with_the_highest_first(tmp_path):
    data = bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE])
    assert cr.data.read_idx(write(tmp_path, data)).tolist() == [258, -2]


@pytest.mark.parametrize("name", ["images.gz", "images", "images.idx3-ubyte"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_compression_is_told_by_the_content_not_by_the_name(name, compress, tmp_path):
    a = np.arange(24, dtype="u1").reshape(2, 3, 4)
    assert cr.data.read_idx(write(tmp_path, compress(idx(a)), name)).tolist() == a.tolist()


def test_a_path_may_be_a_string(tmp_path):
    assert cr.data.read_idx(str(write(tmp_path, idx(np.arange(3, dtype="u1"))))).tolist() == [0, 1, 2]


def test_the_array_can_be_written_to(tmp_path):
    a = cr.data.read_idx(write(tmp_path, idx(np.zeros(3, "u1"))))
    a[0] = 7
    assert a.tolist() == [7, 0, 0]


GOOD = idx(np.arange(6, dtype="i2").reshape(2, 3))
BAD_IDX = {
    "empty": (b"", "is empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n", r"is no IDX file: those begin with two zero bytes, this one with b'\x89PNG'"),
    "a word": (b"a", r"is no IDX file: those begin with two zero bytes, this one with b'a'"),
    "one byte": (b"\0", r"is no IDX file: those begin with two zero bytes, this one with b'\x00'"),
    "two bytes": (b"\0\0", "ends within its header, which has 4 bytes; found 2"),
    "half a header": (GOOD[:10], "ends within its header, which has 12 bytes; found 10"),
    "an unknown type": (b"\0\0\x0a\x01" + GOOD[4:], "numbers of the unknown type 0x0A; known are 0x08 (uint8), 0x09"),
    "truncated": (GOOD[:-1], "is truncated: int16 (2, 3) needs 12 bytes, found 11"),
    "no data": (GOOD[:12], "is truncated: int16 (2, 3) needs 12 bytes, found 0"),
    "longer": (GOOD + b"more", "goes on for 4 bytes after its end: int16 (2, 3) needs 12 bytes, found 16"),
    "huge": (b"\0\0\x0e\x03" + b"\xff" * 12, f"is truncated: float64 {(2**32 - 1,) * 3} needs {8 * (2**32 - 1) ** 3} by"),
    "too many axes": (bytes([0, 0, 8, 200]) + bytes([0, 0, 0, 1]) * 200 + b"x", "has a shape that NumPy cannot hold"),
    "truncated gzip": (gzip.compress(GOOD)[:-9], "is a damaged or truncated gzip file"),
    "only gzip's mark": (b"\x1f\x8b", "is a damaged or truncated gzip file"),
    "damaged gzip": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "is a damaged or truncated gzip file"),
    "overwritten gzip": (gzip.compress(GOOD)[:10] + b"\xff" * 30, "is a damaged or truncated gzip file"),
    "gzip and more": (gzip.compress(GOOD) + b"more", "is a damaged or truncated gzip file"),
    "truncated before gzip": (gzip.compress(GOOD[:-1]), "is truncated: int16 (2, 3) needs 12 bytes, found 11"),
    "a picture in gzip": (gzip.compress(b"\x89PNG"), "is no IDX file"),
    "nothing in gzip": (gzip.compress(b""), "is empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_IDX)
def test_a_bad_idx_file_is_refused_with_its_name_and_what_is_wrong(case, tmp_path):
    data, message = BAD_IDX[case]
    path = write(tmp_path, data)
    with pytest.raises(cr.DataError, match=re.escape(f"read_idx: {path} ") + ".*" + re.escape(message)):
        cr.data.read_idx(path)


def test_memory_grows_with_the_data_not_with_what_the_header_says(tmp_path):
    header = b"\0\0\x0e\x02" + b"\x7f\xff\xff\xff" * 2  # 4 EB
    for data in (header + bytes(1000), gzip.compress(header + bytes(1000))):
        tracemalloc.start()
        with pytest.raises(cr.DataError, match="is truncated"):
            cr.data.read_idx(write(tmp_path, data))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4e6


def test_what_follows_the_data_is_not_unpacked(tmp_path):
    path = write(tmp_path, gzip.compress(GOOD + bytes(50_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(cr.DataError, match="goes on for at least 1048576 bytes after its end"):
        cr.data.read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6


def test_reading_takes_the_memory_of_the_array_once(tmp_path):
    path = write(tmp_path, gzip.compress(idx(np.zeros(8_000_000, "u1")), compresslevel=1))
    tracemalloc.start()
    assert cr.data.read_idx(path).nbytes == 8_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 13e6  # with what a growing bytearray keeps ready


def test_no_damaged_gzip_file_is_read_as_something_else(tmp_path):
    array = np.arange(200, dtype="u1").reshape(10, 20)
    for what, content in damaged(gzip.compress(idx(array)), 200):
        try:
            found = cr.data.read_idx(write(tmp_path, content))
        except cr.DataError:
            continue
        np.testing.assert_array_equal(found, array, what)


def test_a_gzip_file_of_two_parts_is_read(tmp_path):
    assert cr.data.read_idx(write(tmp_path, gzip.compress(GOOD[:15]) + gzip.compress(GOOD[15:]))).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


@pytest.mark.parametrize("cut", range(len(GOOD)))
def test_an_idx_file_cut_anywhere_is_refused(cut, tmp_path):
    with pytest.raises(cr.DataError):
        cr.data.read_idx(write(tmp_path, GOOD[:cut]))


@pytest.mark.parametrize("read", [cr.data.read_idx, cr.data.read_csv], ids=["read_idx", "read_csv"])
def test_a_missing_file_is_named(read, tmp_path):
    with pytest.raises(cr.DataError, match=re.escape(f"{read.__name__}: there is no file {tmp_path / 'no'}")):
        read(tmp_path / "no")


@pytest.mark.parametrize("read", [cr.data.read_idx, cr.data.read_csv], ids=["read_idx", "read_csv"])
def test_a_folder_is_no_file(read, tmp_path):
    with pytest.raises(cr.DataError, match=re.escape(f"{read.__name__}: {tmp_path} cannot be read: ")):
        read(tmp_path)


def test_a_data_error_is_a_chainrule_error_and_a_value_error():
    assert issubclass(cr.DataError, cr.ChainruleError)
    assert issubclass(cr.DataError, ValueError)


# ---- read_csv

PLAIN = "a,b,c\n1,2,3\n4,5,6\n"
FLOWERS = "length,flower,width\n5.0,iris,1\n4.5,daisy,2\n4.0,iris,3\n"


def read(folder, text, *args, **options):
    return cr.data.read_csv(write(folder, text, "t.csv"), *args, **options)


def contents(table):
    return [a if a is None or isinstance(a, list) else a.tolist() for a in table]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN, PLAIN.rstrip("\n"), PLAIN.replace("\n", "\r\n"), PLAIN.replace("\n", "\r"), "\ufeff" + PLAIN,
        '"a","b","c"\n"1","2","3"\n4,5,"6"\n', "a, b ,c\n 1,2 , 3\n4,\t5,6\n", "\n\na,b,c\n\n1,2,3\n  \n4,5,6\n\n\n",
        'a, "b",c\n1, "2",3\n4,5,6', "a,b,c\n1.0,+2,3e0\n4.,.5e1,0006\n",
    ],
    ids=["plain", "no last line end", "CRLF", "CR", "BOM", "quotes", "spaces", "blank lines", "spaces before quotes",
         "ways to write numbers"],
)  # fmt: skip
def test_numbers_and_names_are_read(text, tmp_path):
    assert contents(read(tmp_path, text)) == [[[1, 2, 3], [4, 5, 6]], None, ["a", "b", "c"], None]


def test_what_python_writes_is_read_back_to_the_last_bit(tmp_path):
    x, file = np.random.default_rng(0).normal(size=(50, 3)) * 1e5, io.StringIO()
    csv.writer(file).writerows([['one "quoted"', "two, with comma", "three\nlines"], *x.tolist()])
    table = read(tmp_path, file.getvalue(), dtype="float64")
    assert (table.x == x).all()
    assert table.names == ['one "quoted"', "two, with comma", "three\nlines"]


def test_pandas_writes_what_is_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.5, None], "b": [3, 4], "c": ["u", "v"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = cr.data.read_csv(tmp_path / "t.csv", "c", missing="nan")
    np.testing.assert_array_equal(table.x, [[1.5, 3], [np.nan, 4]])
    assert (table.y.tolist(), table.classes) == ([0, 1], ["u", "v"])


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
def test_another_delimiter_can_be_given(delimiter, tmp_path):
    table = read(tmp_path, PLAIN.replace(",", delimiter), delimiter=delimiter)
    assert contents(table)[0] == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("text", "header", "names", "rows"),
    [
        ("1,2\n3,4\n", "auto", ["x0", "x1"], 2), ("1,2\n3,4\n", False, ["x0", "x1"], 2), ("1,2\n3,4\n", True, ["1", "2"], 1),
        (",a\n3,4\n", "auto", ["", "a"], 1), ("2019,2020\n3,4\n", "auto", ["x0", "x1"], 2),
        ("a_1,b\n3,4\n", "auto", ["a_1", "b"], 1), ("a\n3\n", "auto", ["a"], 1), ("1_0,b\n3,4\n", "auto", ["1_0", "b"], 1),
    ],
)  # fmt: skip
def test_the_first_line_is_names_if_no_cell_in_it_is_a_number(text, header, names, rows, tmp_path):
    table = read(tmp_path, text, header=header)
    assert (table.names, len(table.x)) == (names, rows)


def test_a_first_line_in_which_all_is_missing_is_no_line_of_names(tmp_path):
    assert len(read(tmp_path, "NA,\n1,2\n", missing="nan").x) == 2


@pytest.mark.parametrize("target", ["flower", 1, -2, np.int64(1)])
def test_words_in_the_target_become_class_indices(target, tmp_path):
    assert contents(read(tmp_path, FLOWERS, target)) == [
        [[5, 1], [4.5, 2], [4, 3]], [1, 0, 1], ["length", "width"], ["daisy", "iris"],
    ]  # fmt: skip


def test_a_target_of_words_in_a_file_without_names(tmp_path):
    assert contents(read(tmp_path, "1,2,no\n3,4,yes\n", -1)) == [[[1, 2], [3, 4]], [0, 1], ["x0", "x1"], ["no", "yes"]]


def test_the_classes_of_the_training_file_number_those_of_the_test_file(tmp_path):
    table = read(tmp_path, "x,y\n1,c\n2,a\n", "y", classes=["a", "b", "c"])
    assert (table.y.tolist(), table.classes) == ([2, 0], ["a", "b", "c"])


def test_classes_may_look_like_numbers_or_missing_values(tmp_path):
    table = read(tmp_path, "x,y\n1,none\n2,10\n3,9\n", "y", classes=["none", 9, 10])
    assert (table.y.tolist(), table.classes) == ([0, 2, 1], ["none", 9, 10])


@pytest.mark.parametrize(
    ("words", "dtype", "y"),
    [
        ("1 -2 +3", "int64", [1, -2, 3]), ("1 2.5 3", "float32", [1, 2.5, 3]), ("1.0 2.0 3.0", "float32", [1, 2, 3]),
        ("123456789012345678 0 1", "int64", [123456789012345678, 0, 1]), ("1e3 1 1", "float32", [1000, 1, 1]),
        ("100000000000000000000 0 0", "float32", [1e20, 0, 0]), ("00000000000000000000007 1 2", "float32", [7, 1, 2]),
        ("-9223372036854775808 9223372036854775807 0", "int64", [-(2**63), 2**63 - 1, 0]),
        ("18446744073709551615 18446744073709551614 0", "uint64", [2**64 - 1, 2**64 - 2, 0]),
    ],
)  # fmt: skip
def test_a_target_of_numbers_is_whole_where_all_of_it_is(words, dtype, y, tmp_path):
    table = read(tmp_path, "x,y\n" + "".join(f"0,{word}\n" for word in words.split()), "y")
    assert (table.y.dtype, table.classes) == (dtype, None)
    np.testing.assert_allclose(table.y, y, rtol=1e-6 if dtype == "float32" else 0)


@pytest.mark.parametrize("digits", range(1, 21))
@pytest.mark.parametrize("sign", ["", "-"])
def test_labels_that_differ_in_the_last_digit_stay_apart(digits, sign, tmp_path):
    words = [sign + "1234567890123456789012"[: digits - 1] + last for last in "789"]
    if digits == 20 and sign:
        with pytest.raises(cr.DataError, match="would be equal in float32"):
            read(tmp_path, "x,y\n" + "".join(f"0,{word}\n" for word in words), "y")
    else:
        y = read(tmp_path, "x,y\n" + "".join(f"0,{word}\n" for word in words), "y").y
        assert y.tolist() == [int(word) for word in words]


LABELS = {  # in each case a pair of different whole numbers and the dtype that would make them equal
    "25 digits": ("1234567890123456789012345", "1234567890123456789012344", "float64"),
    "both signs": ("18446744073709551615", "-1\n0,18446744073709551614", "float64"),
    "with a point": ("16777217.0", "16777216.0", "float32"),
    "with an exponent": ("1.6777217e7", "16777216", "float32"),
    "in float16": ("2049.0", "2048.0", "float16"),
}


@pytest.mark.parametrize("case", LABELS)
def test_whole_numbers_that_a_dtype_would_make_equal_are_refused(case, tmp_path):
    first, second, dtype = LABELS[case]
    with pytest.raises(
        cr.DataError, match=rf"t.csv, line [34], column 'y': .* would be equal in {dtype}; read them with"
    ):
        read(tmp_path, f"x,y\n0,{first}\n0,{second}\n", "y", dtype=dtype)


@pytest.mark.parametrize(
    "words",
    [
        "1.5 16777217.0 16777216.0",
        "0e99999999999999999999 1e-999 7.0",
        "16777217.0 16777217 16777217.00",
        "0.1 0.10000000001 1",
    ],
)
def test_measurements_and_equal_labels_are_only_rounded(words, tmp_path):
    y = read(tmp_path, "x,y\n" + "".join(f"0,{word}\n" for word in words.split()), "y").y
    assert y.tolist() == np.array(words.split(), dtype="f").tolist()


def test_infinity_is_a_number_if_it_is_written_so(tmp_path):
    assert read(tmp_path, "a,b\ninf,-Infinity\n").x.tolist() == [[np.inf, -np.inf]]


def test_class_indices_can_be_trained_on(tmp_path):
    table = read(tmp_path, FLOWERS, "flower")
    assert cr.nn.cross_entropy(cr.nn.Linear(2, 2)(table.x), table.y).item() > 0


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", np.float64])
def test_the_dtype_can_be_chosen(dtype, tmp_path):
    table = read(tmp_path, "a,b\n1,2.5\n", "b", dtype=dtype)
    assert (table.x.dtype, table.y.dtype) == (dtype, dtype)


def test_the_dtype_is_the_default_one_otherwise(tmp_path):
    assert read(tmp_path, PLAIN).x.dtype == np.float32
    cr.set_default_dtype("float64")
    try:
        assert read(tmp_path, PLAIN).x.dtype == np.float64
    finally:
        cr.set_default_dtype("float32")


@pytest.mark.parametrize("cell", ["", " ", "?", "NA", "n/a", "NaN", "null", "None", '""'])
def test_missing_values_become_nan_if_wanted(cell, tmp_path):
    table = read(tmp_path, f"a,b,y\n1,{cell},2\n3,4,{cell}\n", "y", missing="nan")
    np.testing.assert_array_equal(table.x, [[1, np.nan], [3, 4]])
    np.testing.assert_array_equal(table.y, [2, np.nan])


def test_another_encoding_can_be_given(tmp_path):
    assert read(tmp_path, "größe\n1\n".encode("latin-1"), encoding="latin-1").names == ["größe"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF-8", "utf8", "utf_8", "UTF_8", "U8", "utf", "UTF", "cp65001", "utf 8", "utf-8-sig"]
)
def test_names_may_be_in_any_script(encoding, tmp_path):
    assert read(tmp_path, "\ufeffgröße,速度\n1,2\n", encoding=encoding).names == ["größe", "速度"]


BAD_CSV = {
    "empty": ("", {}, " is empty"),
    "blank": ("\n \n\n", {}, " is empty"),
    "names only": (PLAIN[:6], {}, " has a line of names, and nothing below it"),
    "names only, on demand": ("1,2", {"header": True}, " has a line of names, and nothing below it"),
    "short line": (PLAIN + "\n7,8\n", {}, ", line 5: needs as many cells as line 1, 3, found 2; is ',' the delimiter?"),
    "long line": (PLAIN + "7,8,9,\n", {}, ", line 4: needs as many cells as line 1, 3, found 4;"),
    "ragged after a cell of two lines": ('"a\nb",c\n1,2\n3\n', {}, ", line 4: needs as many cells as line 1, 2, found 1;"),
    "a word": (PLAIN + "7,x8,9\n", {}, ", line 4, column 'b': 'x8' is not a number"),
    "words": (FLOWERS, {}, ", line 2, column 'flower': 'iris' is not a number; columns of words can only be the target"),
    "a word after the target": (FLOWERS + "1,iris,x\n", {"target": 1}, ", line 5, column 'width': 'x' is not a number"),
    "names with a number": ("id,2020\n1,2\n", {}, ", line 1, column 'x0': 'id' is not a number; .* need header=True"),
    "thousands": ("a\n1_000\n", {}, ", line 2, column 'a': '1_000' is not a number"),
    "a decimal comma": ("a\n'1,5'\n".replace("'", '"'), {}, ", line 2, column 'a': '1,5' is not a number"),
    "missing": ("a,b\n1,2\n\n3,\n", {}, ", line 4, column 'b': the value is missing; .* missing='nan' (1 in all)"),
    "nan": ("a,b\n1,nan\n?,\n", {}, ", line 2, column 'b': the value is missing; .* (3 in all)"),
    "missing target": ("a,b\n1,2\n3,\n", {"target": "b"}, ", line 3, column 'b': the value is missing;"),
    "missing class": ("a,b\n1,u\n3,\n", {"target": "b"}, ", line 3, column 'b': the class is missing"),
    "missing class, allowed": ("a,b\n1,u\n3,\n", {"target": "b", "missing": "nan"}, ", line 3, column 'b': the class is"),
    "words and numbers": ("a,b\n1,2.5\n2,x\n", {"target": "b"}, ", line 3, column 'b': 'x' is not a number; .* give classes"),
    "unknown class": (FLOWERS, {"target": 1, "classes": ["iris"]}, ", line 3, column 'flower': unknown class 'daisy'; the"),
    "too large": ("a\n1\n1e40\n", {}, ", line 3, column 'a': the value is too large for float32; .* dtype='float64'"),
    "1e400": ("a\n1\n1e400\n", {}, ", line 3, column 'a': '1e400' is too large for any floating dtype"),
    "1e999, allowed to be missing": ("a\n-1e999\n", {"missing": "nan"}, ", line 2, column 'a': '-1e999' is too large for any"),
    "1e999 as the target": ("a,b\n1,1e999\n", {"target": "b"}, ", line 2, column 'b': '1e999' is too large for any"),
    "1e999 in float64": ("a\n1e999\n", {"dtype": "float64"}, ", line 2, column 'a': '1e999' is too large for any"),
    "400 digits": ("a\n1" + "0" * 400 + "\n", {}, ", line 2, column 'a': '1000"),
    "open quote": ('a,b\n1,"2\n3,4\n', {}, ", line 2: unexpected end of data"),
    "latin-1": ("größe\n1\n".encode("latin-1"), {}, " is not in utf-8 (invalid .*); save it as UTF-8, or give its encoding"),
    "UTF-16": (PLAIN.encode("utf-16"), {}, " is not in utf-8 (invalid start byte); save it"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CSV)
def test_a_bad_csv_file_is_refused_with_the_place(case, tmp_path):
    text, options, message = BAD_CSV[case]
    pattern = re.escape(f"read_csv: {tmp_path / 't.csv'}{message}").replace(r"\.\*", ".*")
    with pytest.raises(cr.DataError, match=pattern):
        read(tmp_path, text, **options)


BAD_OPTIONS = {
    "target name": ({"target": "d"}, cr.ArgumentError, r"unknown target column of .*t.csv 'd': choose one of 'a', 'b', 'c'"),
    "target position": ({"target": 3}, cr.ArgumentError, r"a position among the 3 columns \['a', 'b', 'c'\], not 3"),
    "target below": ({"target": -4}, cr.ArgumentError, r"a position among the 3 columns"),
    "two targets": ({"target": ["a", "b"]}, cr.ArgumentError, r"target must be one name, or a position"),
    "target flag": ({"target": True}, cr.ArgumentError, r"target must be one name, or a position"),
    "header": ({"header": "yes"}, cr.ArgumentError, r"unknown header 'yes': choose one of 'auto', False, True"),
    "missing": ({"missing": "drop"}, cr.ArgumentError, r"unknown way with missing values 'drop'"),
    "delimiter": ({"delimiter": "::"}, cr.ArgumentError, r"delimiter must be one character such as ';' or '\\t', not '::'"),
    "quote as delimiter": ({"delimiter": '"'}, cr.ArgumentError, r"delimiter must be one character"),
    "no delimiter": ({"delimiter": ""}, cr.ArgumentError, r"delimiter must be one character"),
    "encoding": ({"encoding": "klingon"}, cr.ArgumentError, r"there is no encoding 'klingon'"),
    "encoding of zeros": ({"encoding": "\0"}, cr.ArgumentError, r"there is no encoding '\\x00'"),
    "no encoding": ({"encoding": None}, cr.ArgumentError, r"there is no encoding None"),
    "an encoding of bytes": ({"encoding": "base64"}, cr.ArgumentError, r"'base64' is no encoding of text"),
    "a class twice": ({"target": "a", "classes": [1, "1"]}, cr.ArgumentError, r"each of classes must be another word"),
    "dtype": ({"dtype": "int64"}, cr.DtypeError, r"dtype must be a floating one such as 'float32', not int64"),
    "unknown dtype": ({"dtype": "real"}, cr.DtypeError, r"unknown dtype 'real'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_refused(case, tmp_path):
    options, error, message = BAD_OPTIONS[case]
    with pytest.raises(error, match=message):
        read(tmp_path, PLAIN, **options)


def test_a_name_that_two_columns_have_is_no_target(tmp_path):
    with pytest.raises(cr.ArgumentError, match=r"one name, or a position among the 2 columns \['a', 'a'\], not 'a'"):
        read(tmp_path, "a,a\n1,2\n", "a")
