/* SPDX-License-Identifier: ISC */
#include "deliver-local/joint.h"

static enum joint_end end_of(const struct joint *j)
{
	if (j->unanswered > 0 || j->undurable > 0)
		return JOINT_OPEN;
	if (!j->visible)
		return JOINT_NOTHING;
	return j->failed ? JOINT_NOT_DURABLE : JOINT_DURABLE;
}

enum joint_end joint_answered(struct joint *j, bool visible)
{
	j->unanswered--;
	j->undurable += visible;
	j->visible = j->visible || visible;
	return end_of(j);
}

enum joint_end joint_settled(struct joint *j, bool durable)
{
	j->undurable--;
	j->failed = j->failed || !durable;
	return end_of(j);
}
