/* SPDX-License-Identifier: ISC
 *
 * A delivery of queue's that is made in parts, by several processes: queue is told that
 * it is durable when every part was answered and every visible one is. Pure.
 */
#ifndef POSTERN_JOINT_H
#define POSTERN_JOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct joint {
	uint64_t delivery;
	size_t unanswered; /* parts */
	size_t undurable;  /* parts that are visible and not known to be durable */
	bool visible;	   /* one at least was */
	bool failed;	   /* one was visible and is not durable */
};

enum joint_end {
	JOINT_OPEN,
	JOINT_NOTHING, /* over, and nothing of it is visible: queue knows from the results */
	JOINT_DURABLE,
	JOINT_NOT_DURABLE,
};

/* One part got its results; `visible`: one of them at least is DELIVERY_VISIBLE. */
enum joint_end joint_answered(struct joint *j, bool visible);
/* A visible part is durable, or never will be known to be. */
enum joint_end joint_settled(struct joint *j, bool durable);

#endif
