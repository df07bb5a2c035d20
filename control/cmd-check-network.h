/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_CONTROL_CMD_CHECK_NETWORK_H
#define POSTERN_CONTROL_CMD_CHECK_NETWORK_H

#include "control/command.h"

/* argv[0] is "network", what follows are domains to compare; see cmd-check-network.c. */
command_fn cmd_check_network;

#endif
