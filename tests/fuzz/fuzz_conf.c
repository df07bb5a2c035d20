/* SPDX-License-Identifier: ISC
 *
 * Any text is a configuration or has faults; and libconfuse finds none that the
 * scanner before it did not find.
 */
#include "common/conf-internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_faults faults;
	size_t lines = 1;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	struct conf *conf =
	    conf_parse("/etc/postern/postern.conf", (const char *)data, size, &faults);
	if ((conf == NULL) != (faults.count > 0))
		abort();
	for (size_t i = 0; i < faults.count; i++) {
		if (faults.list[i].line > lines)
			abort();
		if (strncmp(faults.list[i].text, CONF_CONFUSE_SAYS, strlen(CONF_CONFUSE_SAYS)) == 0)
			abort();
	}
	if (conf != NULL && (conf->hostname == NULL || conf->mailboxes[0] != '/'))
		abort();
	conf_faults_free(&faults);
	conf_free(conf);
	return 0;
}
