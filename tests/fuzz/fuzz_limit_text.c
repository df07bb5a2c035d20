/* SPDX-License-Identifier: ISC
 *
 * What directory says of a passed limit: either it is refused, or it becomes a mail of whole lines,
 * in which it makes no field of the header.
 */
#include "common/wire.h"
#include "queue/dsn-text.h"
#include "queue/limit-text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
	if (!fine)
		abort();
}

static void check_mail(struct str mail)
{
	unsigned fields = 0;
	check(dsn_text_is_sound(mail));
	while (mail.n > 0 && mail.p[0] != '\r') {
		fields += mail.p[0] != ' ' && mail.p[0] != '\t';
		mail = str_skip(mail, str_find(mail, '\n') + 1);
	}
	check(fields == 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct templates templates;
	struct pool *pool = pool_new(1 << 20);
	struct wire_reader r = {.p = data, .n = size, .pool = pool};
	struct buf out = BUF_INIT(1 << 20);
	struct msg_limit_passed m;
	uint16_t flags;
	if (templates.list[0] == NULL)
		templates_load(&templates, NULL, NULL, NULL);
	msg_limit_passed_get(&r, &m);
	if (wire_reader_done(&r) && limit_text_is_sound(&m)) {
		const struct limit_text t = {.templates = &templates,
		    .hostname = STR("mx.example.org"),
		    .to = STR("postmaster@example.org"),
		    .m = &m};
		check(limit_text_put(&t, &out, &flags));
		check_mail(buf_str(&out));
	}
	buf_release(&out);
	pool_free(pool);
	return 0;
}
