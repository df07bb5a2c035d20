/* SPDX-License-Identifier: ISC
 *
 * Every table of messages and records, compiled once.
 */
#include "common/auth.h"
#include "common/envelope.h"
#include "common/msg-supervision.h"
#include "common/msg-smtpd-directory.h"
#include "common/msg-smtpd-queue.h"
#include "common/msg-queue-directory.h"
#include "common/msg-queue-local.h"
#include "common/msg-queue-remote.h"
#include "common/msg-remote-directory.h"
#include "common/msg-remote-resolver.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-operator-directory.h"
#include "common/msg-keys.h"
#include "common/msg-operator-queue.h"
#include "common/msg-operator-control.h"
#include "common/msg-users.h"
#include "common/msg-owner.h"
#include "common/msg-session-child.h"
#include "common/msg-directory-pam.h"

#define TABLE "common/envelope.def"
#include "common/msg-define.h"
#undef TABLE

#define TABLE "common/auth.def"
#include "common/msg-define.h"
#undef TABLE

#define EDGE supervision
#define EDGE_NAME "supervision"
#define EDGE_VERSION 3
#define TABLE "common/msg-supervision.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE keys
#define EDGE_NAME "keys"
#define EDGE_VERSION 1
#define TABLE "common/msg-keys.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE smtpd_directory
#define EDGE_NAME "smtpd-directory"
#define EDGE_VERSION 2
#define TABLE "common/msg-smtpd-directory.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE smtpd_queue
#define EDGE_NAME "smtpd-queue"
#define EDGE_VERSION 1
#define TABLE "common/msg-smtpd-queue.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE queue_local
#define EDGE_NAME "queue-local"
#define EDGE_VERSION 1
#define TABLE "common/msg-queue-local.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE pop3d_directory
#define EDGE_NAME "pop3d-directory"
#define EDGE_VERSION 2
#define TABLE "common/msg-pop3d-directory.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE directory_session
#define EDGE_NAME "directory-session"
#define EDGE_VERSION 1
#define TABLE "common/msg-directory-session.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE pop3d_session
#define EDGE_NAME "pop3d-session"
#define EDGE_VERSION 1
#define TABLE "common/msg-pop3d-session.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE operator_queue
#define EDGE_NAME "operator-queue"
#define EDGE_VERSION 1
#define TABLE "common/msg-operator-queue.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE operator_directory
#define EDGE_NAME "operator-directory"
#define EDGE_VERSION 1
#define TABLE "common/msg-operator-directory.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE operator_control
#define EDGE_NAME "operator-control"
#define EDGE_VERSION 1
#define TABLE "common/msg-operator-control.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE queue_remote
#define EDGE_NAME "queue-remote"
#define EDGE_VERSION 2
#define TABLE "common/msg-queue-remote.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE queue_directory
#define EDGE_NAME "queue-directory"
#define EDGE_VERSION 1
#define TABLE "common/msg-queue-directory.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE remote_directory
#define EDGE_NAME "remote-directory"
#define EDGE_VERSION 1
#define TABLE "common/msg-remote-directory.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE remote_resolver
#define EDGE_NAME "remote-resolver"
#define EDGE_VERSION 1
#define TABLE "common/msg-remote-resolver.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE users
#define EDGE_NAME "users"
#define EDGE_VERSION 1
#define TABLE "common/msg-users.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE owner
#define EDGE_NAME "owner"
#define EDGE_VERSION 1
#define TABLE "common/msg-owner.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE session_child
#define EDGE_NAME "session-child"
#define EDGE_VERSION 1
#define TABLE "common/msg-session-child.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE

#define EDGE directory_pam
#define EDGE_NAME "directory-pam"
#define EDGE_VERSION 1
#define TABLE "common/msg-directory-pam.def"
#include "common/msg-define.h"
#undef TABLE
#undef EDGE_VERSION
#undef EDGE_NAME
#undef EDGE
