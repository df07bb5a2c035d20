/* SPDX-License-Identifier: ISC */
#include "deliver-remote/diagnosis.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/netfault.h"

static struct netfaults faults;

#define ADVICE "`postern check network` looks closer and says what to do"

static void note(enum netfault_sight sight, struct str name, struct str who)
{
	if (!netfaults_note(&faults, sight, name, who, loop_now_ms()))
		return;
	if (faults.verdict == NETFAULT_NONE)
		log_message(LOG_NOTICE, "mail can leave this machine again");
	else
		log_message(LOG_ERR, "%s: several unrelated domains show it; " ADVICE,
		    netfault_name(faults.verdict));
}

void diagnosis_note_names(const char *domain, const struct msg_mx_answer *m)
{
	if (m->state != DNS_TEMPORARY)
		note(m->state == DNS_BOGUS ? SIGHT_FORGED : SIGHT_NAMES, str_from_cstr(domain),
		    (struct str){NULL, 0});
}

static bool is_no_link(enum link_fault fault)
{
	return fault == LINK_REFUSED || fault == LINK_TIMED_OUT || fault == LINK_UNREACHABLE;
}

void diagnosis_note_link(const char *host, enum link_fault fault)
{
	if (is_no_link(fault))
		note(SIGHT_NO_LINK, str_from_cstr(host), (struct str){NULL, 0});
}

void diagnosis_note_greeting(const char *host, struct str greeter)
{
	note(SIGHT_GREETED, str_from_cstr(host), greeter);
}

const char *diagnosis_words(enum link_fault fault)
{
	if (faults.verdict == NETFAULT_BLOCKED && is_no_link(fault))
		return " (outbound port 25 seems to be blocked: see `postern check network`)";
	if (faults.verdict == NETFAULT_DIVERTED && !fault_is_ours(fault) && !is_no_link(fault))
		return " (outbound port 25 is diverted to one server: see `postern check network`)";
	if (faults.verdict == NETFAULT_DNS && fault == LINK_DNS)
		return " (the name servers forge answers: see `postern check network`)";
	return "";
}
