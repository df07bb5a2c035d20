/* SPDX-License-Identifier: ISC
 *
 * The process's one event loop, over libevent.
 */
#ifndef POSTERN_LOOP_H
#define POSTERN_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/* The base, made at first use. */
struct event_base *loop_base(void);
/* In a forked child: the next use makes a loop of its own. The parent's is left as it is; its
 * descriptors must be closed. */
void loop_forget(void);
/* Runs until loop_exit. */
void loop_run(void);
void loop_exit(void);

/* Monotonic milliseconds; for deadlines. */
uint64_t loop_now_ms(void);
/* Milliseconds since the epoch; for what people and other machines read. */
uint64_t loop_wall_ms(void);

typedef void loop_fn(void *ctx);
typedef void loop_io_fn(evutil_socket_t fd, short what, void *ctx);

/* A timer that is not running yet. The owner frees it with event_free. */
struct event *loop_timer(loop_fn *fn, void *ctx);
void loop_timer_start(struct event *timer, uint64_t ms);
/* At a moment of loop_now_ms(); at once when that has been. */
void loop_timer_at(struct event *timer, uint64_t when_ms);
void loop_timer_stop(struct event *timer);
/* A persistent watch (EV_READ, EV_WRITE), added. */
struct event *loop_watch(int fd, short what, loop_io_fn *fn, void *ctx);
struct event *loop_signal(int number, loop_io_fn *fn, void *ctx);
/* Calls fn once, from the loop, when what runs now has returned. */
void loop_soon(loop_fn *fn, void *ctx);

#endif
