# SPDX-License-Identifier: ISC
"""The script that checks the rules of the house sees what it is there to see."""
import subprocess
import sys

import pytest

from instance import TOP

SPDX = "/* SPDX-License-Identifier: ISC */\n"
GOOD = SPDX + "/* Never system() here; \"strcpy(\" neither. */\nint f(void)\n{\n\treturn system_of(1);\n}\n"


def style(directory):
    return subprocess.run([sys.executable, "-B", TOP / "tests" / "style", directory], capture_output=True, text=True)


def put(directory, name, text):
    path = directory / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    (directory / "common" / "Makefile.inc").write_text(
        "# SPDX-License-Identifier: ISC\nX = common/good.c common/x.c common/x.h tests/unit/x.c common/x.py\n")


def test_the_tree_is_clean():
    done = style(TOP)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name,text,line,fault", [
    ("common/x.c", SPDX + "int f(void)\n{\n\treturn system(\"ls\");\n}\n", 4, "system() is banned"),
    ("common/x.c", SPDX + "int f(char *s)\n{\n\treturn atoi (s);\n}\n", 4, "atoi() is banned"),
    ("common/x.c", SPDX + "int f(char *s)\n{\n\treturn chmod(s, 0);\n}\n", 4, "chmod() is banned"),
    ("common/x.c", "int f(void);\n", 1, "no SPDX line"),
    ("common/x.py", "pass\n", 1, "no SPDX line"),
    ("common/x.c", SPDX + "/* TO" + "DO */\n", 2, "TO" + "DO: finish it"),
    ("common/x.c", SPDX + "#define OR_FAIL(x) \\\n\tif (!(x)) \\\n\t\treturn -1\n", 2, "a macro with arguments that does return"),
    ("common/x.c", SPDX + "void f(void)\n{\n" + "\tg();\n" * 60 + "}\n", 3, "a function of 62 lines"),
    ("common/x.c", SPDX + "int a;\n" * 400, 401, "401 lines"),
    ("common/x.c", SPDX + "void f(void)\n{\n#ifdef X\n\tg();\n#endif\n}\n", 4, "a condition of the preprocessor"),
    ("common/x.c", SPDX + "int a; \n", 2, "blanks at the end"),
    ("tests/unit/x.c", SPDX + "int f(char *s)\n{\n\treturn strcpy(s, s) != 0;\n}\n", 4, "strcpy() is banned"),
    ("common/forgotten.c", SPDX, 1, "in no Makefile"),
])
def test_a_fault_is_seen(tmp_path, name, text, line, fault):
    put(tmp_path, "common/good.c", GOOD)
    put(tmp_path, name, text)
    done = style(tmp_path)
    assert done.returncode == 1
    [said] = done.stdout.splitlines()[:-1]
    assert said.startswith(f"{name}:{line}: ") and fault in said, said


def test_what_is_right_is_not_complained_of(tmp_path):
    put(tmp_path, "common/good.c", GOOD)
    put(tmp_path, "tests/unit/x.c", SPDX + "int f(void)\n{\n\treturn chmod(\"x\", 0);\n}\n")
    put(tmp_path, "common/x.h", SPDX + "#define MAKE(f) \\\n\tint f(void) \\\n\t{ \\\n\t\treturn 1; \\\n\t}\n")
    done = style(tmp_path)
    assert done.returncode == 0, done.stdout
