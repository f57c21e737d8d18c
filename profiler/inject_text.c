/* SPDX-License-Identifier: MIT */
/* The script that a target is given: inject.py, with the values of this order in front, the text of
 * inject_seldom.py among them, and inject_pypy.py for those that it is for. */
#include "profiler/inject_text.h"

#include "profiler/embedded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inject_text_put_bytes(FILE *out, const char *bytes, size_t len)
{
	fputs("b\"", out);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			fprintf(out, "\\x%02x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

/* The same as text; what is no UTF-8 becomes what file names have for it. */
static void put_text(FILE *out, const char *text)
{
	inject_text_put_bytes(out, text, strlen(text));
	fputs(".decode(\"utf-8\", \"surrogateescape\")", out);
}

enum ps_status inject_text_make(const struct inject_text *t, char **ret, size_t *ret_len,
				struct ps_err *err)
{
	FILE *out = open_memstream(ret, ret_len);

	if (!out)
		return ps_fail(err, PS_NOMEM, "out of memory");
	fprintf(out, "PID = %d\nFOLDER = ", t->inner_pid);
	inject_text_put_bytes(out, t->folder, strlen(t->folder));
	fputs("\nNAME = ", out);
	put_text(out, t->name);
	fputs("\nSOURCE = ", out);
	inject_text_put_bytes(out, t->source, t->len);
	fputs("\nARGS = (", out);
	for (char **a = t->args; a && *a; a++) {
		put_text(out, *a);
		fputs(", ", out);
	}
	fprintf(out, ")\nDETACH = %s\nSTREAM = %s\nSELDOM = ", t->detach ? "True" : "False",
		t->stream ? "True" : "False");
	inject_text_put_bytes(out, (const char *)embedded_inject_seldom_py,
			      embedded_inject_seldom_py_len);
	fputs("\nPYPY = None\n", out);
	if (t->pypy)
		fwrite(embedded_inject_pypy_py, 1, embedded_inject_pypy_py_len, out);
	fwrite(embedded_inject_py, 1, embedded_inject_py_len, out);
	if (fclose(out)) {
		free(*ret);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	return PS_OK;
}
