#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Checks that includes point to the left only: base <- wire <- tcp <- stack <- io <- ctl <- apps.

lib/ files include their own layer and those to its left by "layer/file.h"; DPDK appears from stack
on; socket stands beside them all and knows base, the public headers and the C library alone; base, wire and tcp see the C library alone, and tcp only that part of it which can do nothing.
Public headers include the C library and <handclasp/...>; apps include their own files, the public
headers, the C library, jansson and zlib. Tests include what they like.

Usage: check-layers.py [TREE]. Exit code 1 and one line per offence.
"""

import re
import sys
from pathlib import Path

LAYERS = ["base", "wire", "tcp", "stack", "io", "ctl"]
VENEER = "socket"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Headers that only define: allowed even where nothing may be done.
INERT = {"inttypes.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "immintrin.h",
         "emmintrin.h", "nmmintrin.h", "smmintrin.h", "x86intrin.h", "arm_neon.h"}
C_LIBRARY = INERT | {
    "assert.h", "ctype.h", "dirent.h", "dlfcn.h", "endian.h", "errno.h", "fcntl.h", "float.h",
    "getopt.h", "ifaddrs.h", "locale.h", "math.h", "netdb.h", "poll.h", "pthread.h", "sched.h",
    "semaphore.h", "setjmp.h", "signal.h", "stdarg.h", "stdatomic.h", "stdio.h", "stdlib.h",
    "strings.h", "syslog.h", "termios.h", "time.h", "unistd.h", "cpuid.h"}
C_LIBRARY_FOLDERS = ("sys/", "net/", "netinet/", "arpa/", "linux/")


def is_c_library(name):
    return name in C_LIBRARY or name.startswith(C_LIBRARY_FOLDERS)


def is_public(name):
    return name.startswith("handclasp/")


def is_dpdk(name):
    return name.startswith("rte_")


def judge_lib(layer, quoted, name):
    if quoted:
        target = name.split("/")[0]
        if "/" not in name or target not in LAYERS:
            return "a quoted include names a layer first: \"layer/file.h\""
        if LAYERS.index(target) > LAYERS.index(layer):
            return "%s may not include %s, which lies to its right" % (layer, target)
        return None
    if is_public(name):
        return None
    if layer == "tcp":
        return None if name in INERT else "tcp decides and does nothing: only %s" % sorted(INERT)
    if layer in ("base", "wire"):
        return None if is_c_library(name) else "base and wire know the C library alone"
    if is_c_library(name) or is_dpdk(name) or name in ("numa.h", "numaif.h"):
        return None
    return "neither C library, DPDK nor libnuma"


def judge_veneer(quoted, name):
    if quoted:
        inside = name.split("/")[0] in (VENEER, "base") and "/" in name
        return None if inside else "socket includes \"socket/...\" and \"base/...\" of lib/"
    if is_public(name) or is_c_library(name):
        return None
    return "socket uses <handclasp/...> and the C library"


def judge_public(quoted, name):
    if quoted:
        return "public headers are included as <handclasp/...>"
    if is_public(name) or name in INERT:
        return None
    return "public headers include only <handclasp/...> and headers that define types"


def judge_apps(tree, path, quoted, name):
    if quoted:
        inside = (path.parent / name).is_file() or (tree / "apps" / name).is_file()
        return None if inside else "apps include files of apps/ by quotes, and no library's inside"
    if is_public(name) or is_c_library(name) or name in ("jansson.h", "zlib.h"):
        return None
    return "apps use <handclasp/...>, the C library, jansson and zlib"


def judge(tree, path, quoted, name):
    """Returns why this include is wrong, or None."""
    parts = path.relative_to(tree).parts
    if parts[0] == "lib" and parts[1] in LAYERS:
        return judge_lib(parts[1], quoted, name)
    if parts[:2] == ("lib", VENEER):
        return judge_veneer(quoted, name)
    if parts[0] == "include":
        return judge_public(quoted, name)
    if parts[0] == "apps":
        return judge_apps(tree, path, quoted, name)
    return None


def main():
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    offences = 0
    files = 0
    for top in ("lib", "include", "apps"):
        for path in sorted((tree / top).rglob("*")):
            if path.suffix not in (".c", ".h", ".def"):
                continue
            files += 1
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                why = match and judge(tree, path, match[1] == '"', match[2])
                if why:
                    offences += 1
                    print("%s:%d: %s: %s" % (path.relative_to(tree), number, match[2], why))
    print("check-layers: %d files, %d offences" % (files, offences))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
