/* SPDX-License-Identifier: ISC
 *
 * Attempts at the kernel: its doors beside files, sockets and processes.
 */
#include "tests/escape/attempt.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>

long try_io_uring(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_io_uring_setup, 4,
	    inject_put(v, &(struct io_uring_params){}, sizeof(struct io_uring_params)));
}

long try_bpf(struct victim *v, const struct attempt_world *w)
{
	const union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};
	(void)w;
	return INJECT(v, SYS_bpf, BPF_MAP_CREATE, inject_put(v, &attr, sizeof(attr)), sizeof(attr));
}

long try_userfaultfd(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_userfaultfd, O_CLOEXEC);
}

long try_keyctl(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_keyctl, 0, -3, 1);
}

long try_perf_event(struct victim *v, const struct attempt_world *w)
{
	const struct perf_event_attr attr = {.size = sizeof(attr), .exclude_kernel = 1};
	(void)w;
	return INJECT(v, SYS_perf_event_open, inject_put(v, &attr, sizeof(attr)), 0, -1, -1, 0);
}

long try_shared_memory(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long id = INJECT(v, SYS_shmget, IPC_PRIVATE, 4096, 0600);
	if (id >= 0)
		shmctl((int)id, IPC_RMID, NULL);
	return id;
}

long try_message_queue(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long fd = INJECT(v, SYS_mq_open, inject_text(v, "escaped"), O_RDWR | O_CREAT, 0600, 0);
	if (fd >= 0)
		INJECT(v, SYS_mq_unlink, inject_text(v, "escaped"));
	return fd;
}

long try_semaphores(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long id = INJECT(v, SYS_semget, IPC_PRIVATE, 1, 0600);
	if (id >= 0)
		semctl((int)id, 0, IPC_RMID);
	return id;
}

long try_load_module(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_finit_module, 0, inject_text(v, ""), 0);
}

/* With the wrong magic: nobody reboots by accident. */
long try_reboot(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_reboot, 0, 0, RB_DISABLE_CAD, 0);
}

long try_sethostname(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_sethostname, inject_text(v, ""), -1);
}

long try_set_clock(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_clock_settime, 0, 0);
}

long try_kernel_log(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_syslog, 10, 0, 0);
}

/* System calls of another architecture have other numbers than the filter knows. */
long try_x32_call(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, 0x40000000L | SYS_getpid, 0);
}

/* By the instruction of another architecture, 20 is getpid. */
long try_32_bit_call(struct victim *v, const struct attempt_world *w)
{
	enum { GETPID_32 = 20 };
	(void)w;
	return inject_call_32(v, GETPID_32);
}

/* Where 5 is open, and no filter for this architecture's numbers sees that. */
long try_32_bit_open(struct victim *v, const struct attempt_world *w)
{
	enum { OPEN_32 = 5 };
	(void)w;
	return inject_call_32(v, OPEN_32);
}

#define CALL_ATTEMPT(name, number, ...)                                                            \
	long try_##name(struct victim *v, const struct attempt_world *w)                           \
	{                                                                                          \
		(void)w;                                                                           \
		return INJECT(v, SYS_##number, __VA_ARGS__);                                       \
	}
CALL_ATTEMPT(kexec, kexec_load, 0, 0, 0, 0)
CALL_ATTEMPT(kexec_file, kexec_file_load, -1, -1, 0, 0, 0)
CALL_ATTEMPT(io_ports, iopl, 3)
CALL_ATTEMPT(segment_table, modify_ldt, 0, 0, 0)
CALL_ATTEMPT(accounting, acct, 0)
CALL_ATTEMPT(swap, swapoff, inject_text(v, "escaped"))
CALL_ATTEMPT(quota, quotactl, -1, 0, 0, 0)
CALL_ATTEMPT(
    new_key, add_key, inject_text(v, "user"), inject_text(v, "x"), inject_text(v, "x"), 1, -1)
CALL_ATTEMPT(ask_for_key, request_key, inject_text(v, "user"), inject_text(v, "x"), 0, -1)
CALL_ATTEMPT(adjust_clock, adjtimex, 0)
CALL_ATTEMPT(hang_up, vhangup, 0)
