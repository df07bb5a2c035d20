/* SPDX-License-Identifier: ISC
 *
 * What `postern auth` and `postern usage` ask: the server side of common/msg-operator-directory.def on directory's own
 * Unix socket. For root and the suite's own user alone: who tried which login, is nobody else's
 * business.
 */
#ifndef POSTERN_DIRECTORY_OPERATORS_H
#define POSTERN_DIRECTORY_OPERATORS_H

enum { OPERATORS_MAX = 8 };

/* Takes fd, a listening socket; an older one is closed. */
void operators_listen(int fd);
/* Takes a connected socket; for operators_listen and the tests. */
void operators_connect(int fd);
void operators_end(void);

#endif
