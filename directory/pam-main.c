/* SPDX-License-Identifier: ISC
 *
 * pam-check: has PAM say whether a password is right. Runs only where the configuration
 * says authentication = pam.
 *
 * Runs as:    root, outside any empty root, with a filter that refuses only what reaches other
 *             processes, file systems and the kernel: what else PAM's modules need is not
 *             ours to know. No new privileges, and few capabilities; its signals stay in.
 * Reads:      what the modules of the service "postern" read.
 * Writes:     what they write.
 * Talks to:   directory.
 * May never:  do anything itself but fork one process for each question; hear from a network.
 */
#include "common/service.h"
#include "directory/pam-check.h"

static struct service service = {
    .program = PROGRAM_pam_check,
    .sandbox = {.files_max = 256},
    .in_jail = pam_check_start,
    .on_peer = pam_check_peer,
};

int main(int argc, char **argv)
{
	return service_main(&service, argc, argv);
}
