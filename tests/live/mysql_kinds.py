"""Column types of MariaDB and MySQL with values at their edges and at random, for tests of exactness.

A Kind is a column definition, what to put into it as SQL, and how the server is asked for it in a way that has nothing in
common with how leat reads it. wanted() turns that answer into what leat's plain JSON (native-json, json) says of the value.
"""
import base64
import json
import random
import re
import struct

MARIADB, MYSQL = "mariadb", "mysql"
WITH_VECTOR = ("mariadb-11.8", "mysql-9.7")


class Kind:
    def __init__(self, sql, shape, values, more=None, only=None):
        """`more`: a function that makes one more value, of a random.Random; `only`: the server that has it, or several."""
        self.sql, self.shape, self.values, self.more, self.only = sql, shape, values, more, only

    def __repr__(self):
        return self.sql


# ---- what to ask, and what the answer means ----

ASK = {
    "integer": "CAST({} + 0 AS CHAR)",
    "decimal": "CAST({} AS CHAR)",
    "float": "{} * 1e0", # as it is: MySQL's CAST AS CHAR cuts digits
    "double": "{} * 1e0",
    "bytes": "{}",
    "json": "CONVERT({} USING utf8mb4)",
    "text": "CONVERT({} USING utf8mb4)",
    "date": "CAST({} AS CHAR)",
    "time": "CAST({} AS CHAR)",
    "datetime": "CAST({} AS CHAR)",
    "timestamp": "CAST({} AS CHAR)",
    "plain": "CAST({} AS CHAR)",
}


def ask(kind, name):
    text = ASK[kind.shape].format(name)
    return text if kind.shape in ("float", "double") else f"HEX({text})"


def answer(kind, cell):
    """The bytes behind a cell of what ask() asked for."""
    if cell == "NULL":
        return None
    return cell.encode() if kind.shape in ("float", "double") else bytes.fromhex(cell)


class Number(str):
    """A number as it is spelt."""


def read_json(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def single(value):
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return None


def shortest(value, is_single):
    """How many digits the shortest text of a number has."""
    for digits in range(1, 18):
        text = f"{value:.{digits - 1}e}"
        if (single(float(text)) if is_single else float(text)) == value:
            return digits


def digits_of(text):
    return len(re.sub("e.*", "", text).replace(".", "").replace("-", "").lstrip("0").rstrip("0")) or 1


def is_number(got, answer, is_single):
    value = float(answer)
    value = single(value) if is_single else value
    told = float(got) if isinstance(got, Number) else None
    return told is not None and (single(told) if is_single else told) == value and \
        str(told)[0] == str(value)[0] and digits_of(got) == shortest(value, is_single)


def wanted(kind, answer):
    """What plain JSON says of the bytes that the server answered; None is NULL."""
    if answer is None:
        return None
    if kind.shape == "bytes":
        return base64.b64encode(answer).decode()
    text = answer.decode()
    if kind.shape == "integer":
        return Number(str(int(text)))
    if kind.shape == "decimal":
        return Number(re.sub(r"^(-?)0+(?=\d)", r"\1", text))
    if kind.shape == "datetime":
        return text.replace(" ", "T")
    if kind.shape == "timestamp":
        return text.replace(" ", "T") + "Z"
    return text


def differs(kind, got, answer):
    if answer is not None and kind.shape in ("float", "double"):
        return not is_number(got, answer.decode(), kind.shape == "float")
    want = wanted(kind, answer)
    return got != want or isinstance(got, Number) != isinstance(want, Number)


# ---- values ----

def hex_text(text):
    return f"_utf8mb4 X'{text.encode().hex()}'" if text else "''"


def hex_bytes(value):
    return f"X'{value.hex()}'" if value else "''"


def random_char(rng):
    low, high = rng.choice([(0x20, 0x7f)] * 4 + [(0, 0x20), (0xa0, 0x100), (0x100, 0x250), (0x370, 0x590), (0x5d0, 0x600),
                           (0x620, 0x650), (0xe01, 0xe3a), (0x10d0, 0x10f0), (0x2010, 0x2200), (0x3041, 0x3100),
                           (0x4e00, 0x9fa0), (0xac00, 0xd7a0), (0xff61, 0xffa0), (0x1f600, 0x1f640)])
    return chr(rng.randrange(low, high))


def random_text(rng, most):
    chars = "".join(random_char(rng) for _ in range(rng.choice([0, 1, 2, most // 2, most])))
    return hex_text(rng.choice([chars, chars, chars[:most - 1] + " ", "it's", 'a\\"b', "NULL", "\t\n\r\0"[:most]])[:most])


def random_bytes(rng, most):
    count = rng.choice([0, 1, most // 2, most])
    return hex_bytes(rng.choice([rng.randbytes(count), bytes(count), rng.randbytes(count // 2) + bytes(count - count // 2),
                                 b"\xff" * count, b" " * count]))


def integer(name, bits):
    low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
    return [Kind(name, "integer", [low, high, 0, -1, 1], lambda rng: rng.randint(low, high)),
            Kind(name + " UNSIGNED", "integer", [0, 2 ** bits - 1, high, high + 1, 1], lambda rng: rng.randrange(2 ** bits))]


def decimal(precision, scale, more=""):
    top = "9" * (precision - scale) + ("." + "9" * scale if scale else "")

    def one(rng):
        digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(0, precision - scale)))
        return rng.choice(["", "-"] if not more else [""]) + (digits or "0") + (
            "." + "".join(rng.choice("0000123456789") for _ in range(rng.randint(1, scale))) if scale else "")
    smallest = "0." + "0" * (scale - 1) + "1" if scale else "1"
    signed = [] if more else ["-" + top, "-" + smallest]
    return Kind(f"DECIMAL({precision},{scale}){more}", "decimal", [top, smallest, "0", *signed], one)


def random_double(rng):
    while True:
        value = struct.unpack("<d", rng.randbytes(8))[0]
        if value == value and 2.2250738585072014e-308 <= abs(value) < float("inf"):
            return repr(rng.choice([value, rng.uniform(-1, 1), float(rng.randint(-10**17, 10**17)), rng.randint(-999, 999) / 100]))


def random_single(rng):
    while True:
        value = struct.unpack("<f", rng.randbytes(4))[0]
        if value == value and 1.2e-38 <= abs(value) <= 3.4e38:
            return repr(rng.choice([value, rng.uniform(-1, 1), float(rng.randint(-2**24, 2**24)), rng.randint(-999, 999) / 100]))


def fraction(rng, digits):
    return "." + "".join(rng.choice("0123456789") for _ in range(digits)) if digits else ""


def bracket(digits):
    return f"({digits})" if digits else ""


def times(digits):
    nines = ".999999"[:digits + 1] if digits else ""
    zeros = ".000001"[:digits] + "1" if digits else ""

    def clock(rng):
        return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}{fraction(rng, digits)}"

    def time(rng):
        return f"'{rng.choice(['', '-'])}{rng.choice([0, 1, 23, 24, 99, 100, 837])}:{rng.randint(0, 59)}:{rng.randint(0, 59)}{fraction(rng, digits)}'"

    def date(rng):
        return f"{rng.choice([1000, 1969, 1970, 2000, 2024, 2026, 9999])}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    end = bracket(digits)
    return [Kind("TIME" + end, "time", [f"'-838:59:59{nines}'", f"'838:59:59{nines}'", f"'-00:00:00{zeros}'", "'00:00:00'", "'-24:00:00'"], time),
            Kind("DATETIME" + end, "datetime", [f"'9999-12-31 23:59:59{nines}'", "'1000-01-01'", "'0000-00-00 00:00:00'", "'2026-00-00 00:00:00'",
                                                f"'1970-01-01 00:00:00{zeros}'", f"'1969-12-31 23:59:59{nines}'", "'2024-02-29'", "'2025-02-00 10:11:12'",
                                                "'0001-01-01'"],
                 lambda rng: f"'{date(rng)} {clock(rng)}'"),
            Kind(f"TIMESTAMP{end} NULL", "timestamp", ["'1970-01-01 00:00:01'", f"'2038-01-19 03:14:07{nines}'", "0", "'2026-03-29 02:30:00'"],
                 lambda rng: f"'{rng.randint(1971, 2037)}-{rng.randint(1, 12)}-{rng.randint(1, 28)} {clock(rng)}'")]


def shape_text(rng, depth=0):
    def point():
        return f"{rng.choice([0, -1, 1.5, rng.uniform(-180, 180), 1e300])!r} {rng.choice([0, 2, -0.25, rng.uniform(-90, 90)])!r}"

    def ring():
        x, y = rng.randint(-9, 9), rng.randint(-9, 9)
        return f"({x} {y},{x + 4} {y},{x + 4} {y + 4},{x} {y + 4},{x} {y})"

    def line():
        return "(" + ",".join(point() for _ in range(rng.randint(2, 5))) + ")"
    name = rng.choice(["POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON"] + (
        [] if depth > 1 else ["GEOMETRYCOLLECTION"]))
    body = {"POINT": lambda: f"({point()})", "LINESTRING": line, "POLYGON": lambda: f"({ring()})",
            "MULTIPOINT": line, "MULTILINESTRING": lambda: f"({line()},{line()})", "MULTIPOLYGON": lambda: f"(({ring()}),({ring()}))",
            "GEOMETRYCOLLECTION": lambda: f"({shape_text(rng, depth + 1)},{shape_text(rng, depth + 1)})"}[name]
    return name + body()


def random_shape(rng):
    return f"ST_GeomFromText('{shape_text(rng)}', 0)"


def random_json(rng, depth=0):
    kinds = ["null", "bool", "int", "double", "text", "wide"] + ([] if depth > 4 else ["array", "object", "object"])
    what = rng.choice(kinds)
    if what == "array":
        return [random_json(rng, depth + 1) for _ in range(rng.choice([0, 1, 3, 9]))]
    if what == "object":
        return {"".join(random_char(rng) for _ in range(rng.randint(0, 6))): random_json(rng, depth + 1) for _ in range(rng.choice([0, 1, 4]))}
    return {"null": lambda: None, "bool": lambda: rng.random() < 0.5, "text": lambda: "".join(random_char(rng) for _ in range(rng.randint(0, 150))),
            "int": lambda: rng.choice([0, -1, 32767, 32768, -32769, 65535, 65536, 2**31 - 1, 2**31, -2**31 - 1, 2**32 - 1, 2**32,
                                       2**63 - 1, -2**63, 2**63, 2**64 - 1, rng.randint(-10**6, 10**6)]),
            "wide": lambda: rng.choice([10.0 ** rng.randint(-30, 30), 1e15, 1e16, 1e14, 123456789012345680.0, 5e-324, 1.7976931348623157e308]),
            "double": lambda: float(random_double(rng))}[what]()


def json_sql(value):
    return f"CAST({hex_text(json.dumps(value, ensure_ascii=False))} AS JSON)"


OPAQUE = [ # what is in MySQL's binary JSON as something of its own
    "JSON_OBJECT('d', 1.50, 'e', CAST('-12345678901234567890.0123456789' AS DECIMAL(40,10)), 'z', CAST(0 AS DECIMAL(5,3)))",
    "JSON_ARRAY(DATE'2026-01-02', TIME'-838:59:58.000001', TIME'00:00:00', TIMESTAMP'2026-01-02 03:04:05.678901', CAST('0001-01-01' AS DATETIME))",
    "JSON_ARRAY(CAST('0000-00-00' AS DATE), CAST('2026-00-00' AS DATETIME(3)), CAST('101:02:03.45' AS TIME(2)), CAST(NOW() AS YEAR))",
    "JSON_ARRAY(CAST(X'00ff10' AS BINARY), b'1010', CAST('x' AS CHAR CHARACTER SET latin1), TRUE, NULL, CAST(1.5e0 AS FLOAT), 1e0, -0e0)",
    "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'), CAST(18446744073709551615 AS UNSIGNED), CAST('null' AS JSON), POW(2, 70), 1/3)",
    "JSON_MERGE_PRESERVE('{\"a\": 1}', '{\"a\": [1, 2], \"b\": {\"\": \"\"}}')",
    "JSON_OBJECT('long', REPEAT('x', 70000), 'n', JSON_ARRAY(40000, 4294967296, -40000, 70000, 32767))",
    "JSON_OBJECT('dash \\u0001 \"quoted\" \\\\ / \\b \\f \\n \\r \\t \\u007f', '\\u0000\\u001f\\u2028')",
]
SHAPES = ["GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"]
OF_SHAPE = ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,-2.5 1e10)')",
            "ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 1))')", "ST_GeomFromText('MULTIPOINT(1 1,2 2)')",
            "ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')", "ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))')",
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')"]


def labels_of(rng, count):
    """Labels that differ by more than what collations ignore, and letters that many charsets have."""
    return [f"{i}{rng.choice(['', 'x y', 'ä', 'é ß', 'я', '日本', '中', 'Ω', 'ж', 'ש', '한', 'don' + chr(39) + 't', 'back' + chr(92), '.', 'ÿ'])}"
            for i in range(count)]


def texts(rng, charset):
    """One column of each kind of text, and of a list, in a charset."""
    end = f" CHARACTER SET {charset}"
    wide = charset in ("utf8mb4", "latin1", "utf16")
    sizes = [("CHAR", rng.choice([1, 10, 63, 64, 255])), ("VARCHAR", rng.choice([1, 63, 64, 85, 86, 255, 256]))]
    kinds = [Kind(f"{name}({size}){end}", "text", ["''", "' '", "'a '", hex_text("ä€x"[:size]), "'?'"], lambda r, n=size: random_text(r, n))
             for name, size in sizes]
    kinds += [Kind(rng.choice(["TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"]) + end, "text",
                   ["''", "' '", "REPEAT('ab', 100)" if not wide else "REPEAT('äb', 30000)", "'\\n'"], lambda r: random_text(r, 60))]
    for name, count in ("ENUM", rng.choice([1, 3, 255, 256, 300])), ("SET", rng.choice([1, 8, 9, 17, 33, 64])):
        labels = ", ".join("'" + label.replace("\\", "\\\\").replace("'", "''") + "'" for label in labels_of(rng, count))
        top = count if name == "ENUM" else 2 ** count - 1
        kinds.append(Kind(f"{name}({labels}){end}", "text", ["1", str(top), "''", str((top + 1) // 2)], lambda r, t=top: str(r.randint(1, t))))
    return kinds


def numbers(rng):
    kinds = [kind for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)) for kind in integer(name, bits)]
    kinds += [Kind("BOOLEAN", "integer", ["TRUE", "FALSE"]), Kind("INT(7) ZEROFILL", "integer", [0, 42, 4294967295]),
              Kind("BIGINT ZEROFILL", "integer", [0, 2**64 - 1]), Kind("YEAR", "integer", ["0000", 1901, 2155, 2026])]
    kinds += [decimal(65, 30), decimal(65, 0), decimal(1, 0), decimal(1, 1), decimal(9, 9), decimal(10, 2, " UNSIGNED"), decimal(12, 3, " ZEROFILL"),
              decimal(30, 30)] + [decimal(p, rng.randint(0, min(p, 30))) for p in (rng.randint(2, 65), rng.randint(2, 65), 19, 28)]
    kinds += [Kind("FLOAT", "float", ["0", "3.4028234e38", "-1.17549435e-38", "0.1", "16777217", "1e10", "-0e0", "123456.7"], random_single),
              Kind("FLOAT UNSIGNED", "float", ["0.3", "3.4e38"]), Kind("FLOAT(7,4)", "float", ["999.9999", "-0.0001", "0.1"], lambda r: f"{r.uniform(-999, 999):.4f}"),
              Kind("DOUBLE", "double", ["0", "1.7976931348623157e308", "-2.2250738585072014e-308", "0.1", "1e15", "1e16", "-0e0", "9007199254740993",
                                        "123456789012345678", "5e-324", "1e23"], random_double),
              Kind("DOUBLE(20,5)", "double", ["123456789012345.12345", "-0.00001"], lambda r: f"{r.uniform(-10**15, 10**15):.5f}"),
              Kind("DOUBLE(10,2) ZEROFILL", "double", ["1.5", "0"])]
    bits = {1, 8, 9, 63, 64, *rng.sample(range(2, 63), 3)}
    return kinds + [Kind(f"BIT({n})", "integer", [0, 1, 2**n - 1, 2**(n - 1)], lambda r, n=n: str(r.randrange(2**n))) for n in sorted(bits)]


def binaries(rng):
    sizes = [("BINARY", 1), ("BINARY", rng.choice([16, 255])), ("VARBINARY", rng.choice([1, 255])), ("VARBINARY", rng.choice([256, 300]))]
    kinds = [Kind(f"{name}({size})", "bytes", ["''", "X'00'", "X'20'", hex_bytes(b"\xff" * size)], lambda r, n=size: random_bytes(r, n)) for name, size in sizes]
    return kinds + [Kind(name, "bytes", ["''", "X'00'", "X'C3'", f"REPEAT(X'FE00', {many})"], lambda r: random_bytes(r, 100))
                    for name, many in (("TINYBLOB", 127), ("BLOB", 32767), ("MEDIUMBLOB", 40000), ("LONGBLOB", 50))]


def vector(numbers):
    return hex_bytes(struct.pack(f"<{len(numbers)}f", *numbers))


def of_one_server():
    jsons = [json.dumps(v) for v in ({}, [], None, "x", 1, True)]
    compressed = ["''", "'short'", "REPEAT('long text ', 150)"]
    return [
        Kind("JSON", "json", OPAQUE + [f"'{text}'" for text in jsons], lambda r: json_sql(random_json(r)), MYSQL),
        Kind("JSON", "json", ["'{\"a\": [1, 2.50,  null]}'", "'[]'", "'\"x\"'", "'1'"], lambda r: hex_text(json.dumps(random_json(r), ensure_ascii=r.random() < .5)), MARIADB),
        Kind("UUID", "plain", ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'00112233-4455-5677-0899-aabbccddeeff'"],
             lambda r: f"'{r.randbytes(16).hex()}'", MARIADB),
        Kind("INET6", "plain", ["'::'", "'::1'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'1::'", "'2001:db8:0:0:1:0:0:1'"],
             lambda r: f"CAST(X'{bytes(r.choice([0, 0, b]) for b in r.randbytes(16)).hex()}' AS INET6)", MARIADB),
        Kind("INET4", "plain", ["'0.0.0.0'", "'255.255.255.255'", "'10.0.0.1'"], lambda r: "'" + ".".join(str(b) for b in r.randbytes(4)) + "'", MARIADB),
        Kind("DECIMAL(65,38)", "decimal", ["0." + "0" * 37 + "1", "-" + "9" * 27 + "." + "9" * 38], None, MARIADB),
        *[Kind(f"VECTOR({n})", "bytes", [vector([0.0] * n), vector([3.4e38] * n)], lambda r, n=n: vector([float(random_single(r)) for _ in range(n)]), WITH_VECTOR)
          for n in (1, 3, 500)],
        *[Kind(f"{name} COMPRESSED", shape, compressed, lambda r, s=shape: random_text(r, 60) if s == "text" else random_bytes(r, 200), MARIADB)
          for name, shape in (("VARCHAR(2000)", "text"), ("TEXT", "text"), ("VARBINARY(2000)", "bytes"), ("BLOB", "bytes"))],
    ]


def all_kinds(server, rng, charsets):
    """Each at least once; texts in each of the charsets."""
    kinds = numbers(rng) + binaries(rng) + of_one_server() + [Kind("DATE", "date", ["'0000-00-00'", "'9999-12-31'", "'1000-01-01'", "'2026-00-00'", "'2026-02-00'"],
                                                                   lambda r: f"'{r.randint(1, 9999):04}-{r.randint(1, 12)}-{r.randint(1, 28)}'")]
    kinds += [kind for digits in range(7) for kind in times(digits)]
    kinds += [Kind(name, "bytes", OF_SHAPE if i == 0 else [OF_SHAPE[i - 1]], random_shape if i == 0 else None) for i, name in enumerate(SHAPES)]
    kinds += [kind for charset in charsets for kind in texts(rng, charset)]
    return [kind for kind in kinds if kind.only is None or server.kind in kind.only or server.family == kind.only and has(server, kind)]


def has(server, kind):
    return not (server.kind == "mysql-5.6" and kind.shape == "json")
