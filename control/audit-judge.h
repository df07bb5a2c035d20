/* SPDX-License-Identifier: ISC
 *
 * Compares what is seen of a process with what it declares (common/jails.def, common/wiring.def,
 * the configuration). Pure: no file is opened and no process looked at.
 */
#ifndef POSTERN_CONTROL_AUDIT_JUDGE_H
#define POSTERN_CONTROL_AUDIT_JUDGE_H

#include "common/conf.h"
#include "common/jail.h"
#include "control/audit-process.h"
#include "control/audit-report.h"

/* What a process may have. */
struct audit_claim {
	const struct conf *conf;
	enum program_id program; /* PROGRAM_NONE: control itself */
	bool child;	   /* of that program, with one mailbox, or whatever it was made for */
	bool root;	   /* the suite was started as root */
	unsigned calls;	   /* mask of enum sandbox_calls */
	unsigned sockets;  /* mask of enum jail_sockets */
	unsigned channels; /* unnamed Unix SEQPACKET sockets */
	unsigned filters;  /* at least so many */
	uint64_t caps;	   /* permitted and effective */
	uint64_t bounding;
	uint32_t uid, gid;
	bool groups;  /* and its user's other groups */
	bool anybody; /* or any other user */
	char *place; /* the one directory that it works in; NULL: none */
	bool place_writes;
	const char *reads; /* a directory that it only reads; NULL: none */
	bool place_is_root;
	bool spool_files; /* it is given large messages as open files, */
	bool spool_write; /* to write them */
};

/* The claim of a program's process. `place` is the caller's. */
struct audit_claim audit_claim_of(const struct conf *conf, enum program_id program, bool child);
struct audit_claim audit_claim_of_control(const struct conf *conf);

void audit_judge(
    const struct audit_claim *claim, const struct audit_process *p, struct audit_report *r);

#endif
