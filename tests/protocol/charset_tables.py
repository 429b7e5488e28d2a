#!/usr/bin/env python3
"""charset_tables.py PORT FILE: writes replicator/mysql/protocol/charset_tables.c, as a MySQL 8 on 127.0.0.1:PORT converts.

The server is asked what each code of each charset is in UTF-8 (CONVERT ... USING utf8mb4); root, no password. MariaDB
gives the same wherever both take a code (and has no gb18030). tests/live/charsets.py compares the result with a server.
"""
import subprocess
import sys
import unicodedata

SINGLE = ("armscii8 cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 "
          "latin2 latin5 latin7 macce macroman swe7 tis620").split()
PAIRS = ("big5", "euckr", "gb18030", "gb2312", "gbk")     # lead byte from 0x81; trail 0x40 .. 0xa0, or from 0xa1
JAPANESE = ("cp932", "eucjpms", "sjis", "ujis")            # rows of 94 cells
HOLE = " "                                                 # no charset maps two bytes to a space


def ask(port, sql):
    done = subprocess.run(["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uroot", "-N", "--batch", "--raw",
                           "--default-character-set=utf8mb4", "--max-allowed-packet=1G"], input=sql.encode(), capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode()[:500])
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


def convert(port, charset, codes):
    """bytes -> character, of those that are one in the charset."""
    found = {}
    for at in range(0, len(codes), 50000):
        text = ",".join(f"(0x{code.hex()})" for code in codes[at:at + 50000])
        rows = ask(port, f"CREATE TEMPORARY TABLE mysql.codes (c VARBINARY(4)) ENGINE=MyISAM; INSERT INTO mysql.codes VALUES {text};"
                         f"SELECT HEX(c), HEX(CONVERT(CONVERT(c USING {charset}) USING utf8mb4)) FROM mysql.codes")
        for code, result in rows:
            char = "" if result == "NULL" else bytes.fromhex(result).decode()
            if len(char) == 1 and (char != "?" or code == "3F"):
                found[bytes.fromhex(code)] = char
    return found


def literal(chars):
    out = []
    for char in chars:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif code < 0x20 or 0x7f <= code < 0xa0:
            out.append(f"\\{code:03o}")
        elif code >= 0xa0 and unicodedata.category(char)[0] in "CMZ":
            out.append(f"\\u{code:04x}")
        else:
            out.append(char)
    return f'u"{"".join(out)}"'


class Rows:
    """Strings of one length, each kept once."""

    def __init__(self, name, length):
        self.name, self.length, self.rows = name, length, [HOLE * length]

    def place(self, chars):
        assert len(chars) == self.length
        if chars not in self.rows:
            self.rows.append(chars)
        return self.rows.index(chars)

    def text(self):
        lines = ",\n".join(f"    {literal(row)}" for row in self.rows)
        return f"const char16_t {self.name}[][{self.length + 1}] = {{\n{lines},\n}};\n"


def plane(rows, found, codes_of_row, count):
    return [rows.place("".join(found.get(code, HOLE) for code in codes_of_row(i))) for i in range(count)]


def index(name, numbers):
    lines = [", ".join(map(str, numbers[i:i + 24])) for i in range(0, len(numbers), 24)]
    return f"const uint16_t {name}[{len(numbers)}] = {{\n" + "".join(f"    {line},\n" for line in lines) + "};\n"


def sjis_code(row, cell):
    lead = 0x81 + row // 2
    return bytes([lead if lead < 0xa0 else lead + 0x40, (0x9f if row % 2 else 0x40) + cell + (row % 2 == 0 and cell >= 63)])


def four_bytes(port):
    """gb18030: runs of linear codes that are runs of characters."""
    codes = [bytes([a, b, c, d]) for a in (*range(0x81, 0x85), *range(0x90, 0xe4)) for b in range(0x30, 0x3a)
             for c in range(0x81, 0xff) for d in range(0x30, 0x3a)]
    runs = []
    for code, char in sorted(convert(port, "gb18030", codes).items()):
        place = ((code[0] - 0x81) * 10 + code[1] - 0x30) * 1260 + (code[2] - 0x81) * 10 + code[3] - 0x30
        if runs and runs[-1][1] + 1 == place and runs[-1][2] + place - runs[-1][0] == ord(char):
            runs[-1][1] = place
        else:
            runs.append([place, place, ord(char)])
    return runs


HEAD = """\
/* charset_tables.c - the characters of the servers' charsets. Made by tests/protocol/charset_tables.py, not by hand;
 * charset_tables.h says how to read it. */
#include <mysql_protocol/charset_tables.h>

/* clang-format off */
"""


def main():
    port, path = sys.argv[1:]
    low, high, cells, out = Rows("leat_charset_low", 97), Rows("leat_charset_high", 94), {}, []
    one = [bytes([a]) for a in range(256)]
    two = [bytes([a, b]) for a in range(0x81, 0xff) for b in range(0x40, 0xff)]
    three = [bytes([0x8f, a, b]) for a in range(0xa1, 0xff) for b in range(0xa1, 0xff)]
    single = []
    for charset in SINGLE:
        found = convert(port, charset, one)
        single.append(f"    [LEAT_{charset.upper()}] = {literal(''.join(found.get(code, HOLE) for code in one[128:]))},\n")
        if charset == "swe7":
            swe7 = literal("".join(found.get(code, "?") for code in one[:128]))
    for charset in PAIRS:
        found = convert(port, charset, two)
        cells[f"{charset}_low"] = plane(low, found, lambda i: [bytes([0x81 + i, b]) for b in range(0x40, 0xa1)], 126)
        cells[f"{charset}_high"] = plane(high, found, lambda i: [bytes([0x81 + i, b]) for b in range(0xa1, 0xff)], 126)
    for charset in JAPANESE:
        found = convert(port, charset, two + (three if charset in ("ujis", "eucjpms") else []))
        if charset in ("sjis", "cp932"):
            cells[charset] = plane(high, found, lambda i: [sjis_code(i, c) for c in range(94)], 120)
        else:
            cells[charset] = plane(high, found, lambda i: [bytes([0xa1 + i, 0xa1 + c]) for c in range(94)], 94)
            cells[f"{charset}_8f"] = plane(high, found, lambda i: [bytes([0x8f, 0xa1 + i, 0xa1 + c]) for c in range(94)], 94)
    out += [f"const char16_t leat_charset_single[LEAT_SINGLE_BYTE][129] = {{\n{''.join(single)}}};\n",
            f"const char16_t leat_charset_swe7[129] =\n    {swe7};\n", low.text(), high.text()]
    out += [index(f"leat_{name}", numbers) for name, numbers in cells.items()]
    runs = four_bytes(port)
    out.append(f"const struct leat_charset_run leat_gb18030_runs[LEAT_GB18030_RUNS] = {{\n"
               + "".join(f"    {{{a}, {b}, 0x{c:04x}}},\n" for a, b, c in runs) + "};\n")
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD + "\n".join(out))
    print(f"{len(low.rows)} and {len(high.rows)} rows, {len(runs)} runs")


main()
