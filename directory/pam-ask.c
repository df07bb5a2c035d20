/* SPDX-License-Identifier: ISC
 *
 * The password answers every question that does not echo; all else that a module
 * may want to know is a failure, since there is nobody to ask.
 */
#include "directory/pam-ask.h"

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool answer_one(
    const struct pam_message *question, struct pam_response *response, const char *password)
{
	switch (question->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		/* PAM frees it. */
		response->resp = strdup(password);
		return response->resp != NULL;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO:
		return true;
	default:
		return false;
	}
}

static int converse(
    int n, const struct pam_message **questions, struct pam_response **responses, void *ctx)
{
	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	struct pam_response *all = calloc((size_t)n, sizeof(*all));
	if (all == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		if (answer_one(questions[i], &all[i], ctx))
			continue;
		for (int k = 0; k < i; k++)
			free(all[k].resp);
		free(all);
		return PAM_CONV_ERR;
	}
	*responses = all;
	return PAM_SUCCESS;
}

static enum pam_verdict verdict_of(int authenticated, int account)
{
	switch (authenticated) {
	case PAM_SUCCESS:
		break;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_CRED_INSUFFICIENT:
		return PAM_WRONG;
	case PAM_ACCT_EXPIRED:
		return PAM_EXPIRED;
	default:
		return PAM_LATER;
	}
	switch (account) {
	case PAM_SUCCESS:
		return PAM_RIGHT;
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_PERM_DENIED:
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
		return PAM_EXPIRED;
	default:
		return PAM_LATER;
	}
}

enum pam_verdict pam_ask(
    const char *service, const char *user, const char *password, const char *client)
{
	const struct pam_conv conversation = {
	    .conv = converse, .appdata_ptr = (void *)(uintptr_t)password};
	pam_handle_t *pam = NULL;
	if (pam_start(service, user, &conversation, &pam) != PAM_SUCCESS)
		return PAM_LATER;
	if (client[0] != '\0')
		pam_set_item(pam, PAM_RHOST, client);
	int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
	int authenticated = pam_authenticate(pam, flags);
	int account = authenticated == PAM_SUCCESS ? pam_acct_mgmt(pam, flags) : PAM_SUCCESS;
	pam_end(pam, authenticated == PAM_SUCCESS ? account : authenticated);
	return verdict_of(authenticated, account);
}
