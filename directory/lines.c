/* SPDX-License-Identifier: ISC */
#include "directory/lines.h"

void lines_init(struct lines *l, struct str text, const char *file, struct faults *faults)
{
	const struct str bom = STR("\xef\xbb\xbf");
	*l = (struct lines){.rest = text, .file = file, .faults = faults};
	if (str_has_prefix(text, bom)) {
		faults_add(faults, file, 1,
		    "begins with a byte order mark: save it as plain UTF-8 without one");
		l->rest = str_skip(text, bom.n);
	}
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
			return true;
	return false;
}

/* False when the line cannot be used. */
static bool check_bytes(struct lines *l, struct str *line)
{
	if (line->n > 0 && line->p[line->n - 1] == '\r') {
		line->n--;
		if (!l->told_cr)
			faults_add(l->faults, l->file, l->number,
			    "lines end in CR LF: convert the file, e.g. with `sed -i 's/\\r$//'`");
		l->told_cr = true;
	}
	if (!has_control(*line))
		return true;
	faults_add(l->faults, l->file, l->number, "has a control character (%s): remove it",
	    fault_text(*line).s);
	return false;
}

bool lines_next(struct lines *l, struct line *out)
{
	while (l->rest.n > 0) {
		size_t end = str_find(l->rest, '\n');
		struct str line = str_head(l->rest, end);
		l->rest = str_skip(l->rest, end + 1);
		l->number++;
		struct str text = str_trim(line);
		if (text.n == 0 || text.p[0] == '#')
			continue;
		if (!check_bytes(l, &line))
			continue;
		text = str_trim(line);
		if (text.n == 0)
			continue;
		*out = (struct line){.text = text,
		    .indented = line.p[0] == ' ' || line.p[0] == '\t',
		    .number = l->number};
		return true;
	}
	return false;
}
