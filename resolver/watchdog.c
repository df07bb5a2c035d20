/* SPDX-License-Identifier: ISC
 *
 * The kernel counts the processor time (ITIMER_PROF) and interrupts whatever runs. The handler
 * does nothing but what signal-safety(7) allows, and needs no call that the jail would have to
 * allow for it.
 */
#include "resolver/watchdog.h"
#include "common/log.h"

#include <signal.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

static volatile sig_atomic_t alive;
static volatile int log_to;

static void on_interval(int number)
{
	static const char text[] =
	    "resolver: a question took too much processor time: starting anew without it\n";
	(void)number;
	if (alive) {
		alive = 0;
		return;
	}
	ssize_t n = write(log_to, text, sizeof(text) - 1);
	(void)n;
	_exit(WATCHDOG_EXIT);
}

void watchdog_alive(void)
{
	alive = 1;
	log_to = log_fd();
}

void watchdog_start(unsigned interval_ms)
{
	const struct sigaction action = {.sa_handler = on_interval, .sa_flags = SA_RESTART};
	const struct timeval interval = {interval_ms / 1000, interval_ms % 1000 * 1000};
	const struct itimerval timer = {.it_interval = interval, .it_value = interval};
	watchdog_alive();
	if (sigaction(SIGPROF, &action, NULL) < 0 || setitimer(ITIMER_PROF, &timer, NULL) < 0)
		log_fatal(EX_OSERR, "no timer for the watchdog: %m");
}
