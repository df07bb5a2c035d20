/* SPDX-License-Identifier: ISC
 *
 * Certificates of clients: sections remote and relay name them by the title of a section
 * certificate, which then is deliver-remote's, too.
 */
#include "common/conf-client.h"
#include "common/mem.h"

#include <stdlib.h>

bool conf_has_server_certificate(const struct conf *conf)
{
	for (size_t i = 0; i < conf->certificate_count; i++)
		if (!conf->certificates[i].client_only)
			return true;
	return false;
}

/* All of that name, which have different kinds of keys. */
static bool give_to_client(struct conf *conf, const char *name)
{
	bool any = false;
	for (size_t i = 0; i < conf->certificate_count; i++) {
		struct conf_certificate *k = &conf->certificates[i];
		if (strcmp(k->name, name) != 0)
			continue;
		k->is_client = true;
		any = true;
	}
	return any;
}

/* Empty: none. */
static void read_name(struct conf *conf, char **name, unsigned line, struct conf_faults *faults)
{
	if (*name != NULL && **name == '\0') {
		free(*name);
		*name = NULL;
	}
	if (*name == NULL)
		return;
	for (char *p = *name; *p != '\0'; p++)
		*p = ascii_lower(*p);
	if (!give_to_client(conf, *name))
		conf_fault(faults, line,
		    "certificate = \"%.60s\": there is no such section; write certificate "
		    "\"%.60s\" { chain = \"client.pem\"  key = \"client.key\" }, or the name of "
		    "one that is there",
		    *name, *name);
}

void conf_check_client_certificates(
    struct conf *conf, const struct conf_scan *scan, struct conf_faults *faults)
{
	static const struct str untitled = {NULL, 0};
	unsigned line = conf_line(scan, CONF_IN_remote, "certificate", untitled);
	read_name(conf, &conf->remote.certificate, line, faults);
	for (size_t i = 0; i < conf->relay_count; i++) {
		struct conf_relay *r = &conf->relays[i];
		line = conf_line(scan, CONF_IN_relay, "certificate", str_from_cstr(r->name));
		if (line != 0)
			read_name(conf, &r->certificate, line, faults);
		else if (conf->remote.certificate != NULL)
			r->certificate = xstrdup(conf->remote.certificate);
	}
	for (size_t i = 0; i < conf->certificate_count; i++) {
		const struct conf_certificate *k = &conf->certificates[i];
		if (k->client_only && !k->is_client)
			conf_fault(faults, k->line,
			    "certificate %s: use = client, but nobody shows it; write certificate "
			    "= \"%s\" into the section remote or a relay, or remove use",
			    k->name, k->name);
	}
}
