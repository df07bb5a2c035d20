/* SPDX-License-Identifier: ISC
 *
 * Between the two halves of audit-judge.h.
 */
#ifndef POSTERN_CONTROL_AUDIT_INTERNAL_H
#define POSTERN_CONTROL_AUDIT_INTERNAL_H

#include "control/audit-judge.h"

void audit_judge_descriptors(
    const struct audit_claim *claim, const struct audit_process *p, struct audit_report *r);

#endif
