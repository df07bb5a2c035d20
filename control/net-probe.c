/* SPDX-License-Identifier: ISC
 *
 * The child speaks with the other machine and writes one struct net_sight to its pipe;
 * what it could not find out stays zero.
 */
#include "control/net-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPLY_LINES_MAX = 100 };

static enum net_outcome outcome_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return NET_REFUSED;
	case ETIMEDOUT:
		return NET_TIMED_OUT;
	default:
		return NET_UNREACHABLE;
	}
}

/* 0, or an errno. */
static int finish_connect(int fd, unsigned seconds)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t n = sizeof(error);
	if (poll(&p, 1, (int)seconds * 1000) == 0)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

/* A blocking socket whose every call ends in time, or -1 with errno. */
static int dial(const struct net_probe *probe, unsigned seconds)
{
	const struct sockaddr *to = (const struct sockaddr *)&probe->address;
	const struct timeval limit = {.tv_sec = (time_t)seconds};
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int error = connect(fd, to, probe->address_size) < 0 ? errno : 0;
	if (error == EINPROGRESS)
		error = finish_connect(fd, seconds);
	int flags = fcntl(fd, F_GETFL);
	if (error == 0 && (fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
			      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
			      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0))
		error = errno;
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* A line without its end, cut to the room there is; false at the end, or when none comes. */
static bool read_line(int fd, char *out, size_t size)
{
	size_t n = 0;
	for (size_t all = 0; all < 16 * NET_GREETING_MAX; all++) {
		char c;
		if (recv(fd, &c, 1, 0) != 1)
			return false;
		if (c == '\n') {
			out[n > 0 && out[n - 1] == '\r' ? n - 1 : n] = '\0';
			return true;
		}
		if (n + 1 < size)
			out[n++] = c;
	}
	return false;
}

/* All lines of a reply; its first one is in `first`, and *has says whether `word` stands in any. */
static bool read_reply(int fd, char first[NET_GREETING_MAX], const char *word, bool *has)
{
	char line[NET_GREETING_MAX];
	for (int i = 0; i < REPLY_LINES_MAX; i++) {
		if (!read_line(fd, line, sizeof(line)) || strlen(line) < 3)
			return false;
		if (i == 0)
			memcpy(first, line, sizeof(line));
		*has = *has ||
		       (word != NULL && strcasecmp(line + (line[3] == '\0' ? 3 : 4), word) == 0);
		if (line[3] != '-')
			return true;
	}
	return false;
}

static bool say(int fd, const char *line)
{
	size_t n = strlen(line);
	return send(fd, line, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void note_certificate(SSL *ssl, char out[NET_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	if (certificate != NULL && X509_digest(certificate, EVP_sha256(), digest, &n) == 1)
		for (unsigned i = 0; i < n && 2 * i + 2 < NET_FINGERPRINT_SIZE; i++)
			snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
	X509_free(certificate);
}

static void look_at_certificate(int fd, struct net_sight *sight)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context == NULL ? NULL : SSL_new(context);
	if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1)
		note_certificate(ssl, sight->fingerprint);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void converse(int fd, struct net_sight *sight)
{
	char line[NET_GREETING_MAX];
	bool has_tls = false, ignored = false;
	if (!read_reply(fd, sight->greeting, NULL, &ignored))
		return;
	sight->outcome = NET_GREETED;
	if (!say(fd, "EHLO localhost\r\n") || !read_reply(fd, line, "STARTTLS", &has_tls))
		return;
	if (has_tls && say(fd, "STARTTLS\r\n") && read_reply(fd, line, NULL, &ignored) &&
	    line[0] == '2')
		look_at_certificate(fd, sight);
	else
		say(fd, "QUIT\r\n");
}

static void look(const struct net_probe *probe, struct net_sight *sight, unsigned seconds)
{
	int fd = dial(probe, seconds);
	if (fd < 0) {
		sight->outcome = outcome_of(errno);
		return;
	}
	sight->outcome = NET_CONNECTED;
	if (probe->smtp)
		converse(fd, sight);
	close(fd);
}

/* The reading end of the pipe of a child that looks, or -1 with errno. */
static int begin(const struct net_probe *probe, unsigned seconds)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		struct net_sight sight = {.outcome = NET_UNREACHABLE};
		look(probe, &sight, seconds);
		_exit(write(ends[1], &sight, sizeof(sight)) == (ssize_t)sizeof(sight) ? 0 : 1);
	}
	int error = errno;
	close(ends[1]);
	if (child > 0)
		return ends[0];
	close(ends[0]);
	errno = error;
	return -1;
}

/* A child that died says nothing: as if nobody was reached. */
static void end(int fd, struct net_sight *sight)
{
	if (read(fd, sight, sizeof(*sight)) != (ssize_t)sizeof(*sight))
		*sight = (struct net_sight){.outcome = NET_UNREACHABLE};
	close(fd);
	wait(NULL);
}

bool net_probe_all(
    const struct net_probe *probes, struct net_sight *sights, size_t count, unsigned seconds)
{
	int ends[NET_PROBES_MAX];
	size_t n = 0;
	while (n < count && n < NET_PROBES_MAX && (ends[n] = begin(&probes[n], seconds)) >= 0)
		n++;
	int error = errno;
	for (size_t i = 0; i < n; i++)
		end(ends[i], &sights[i]);
	errno = error;
	return n == count;
}

const char *net_outcome_name(enum net_outcome outcome)
{
	static const char *const names[] = {
	    [NET_GREETED] = "greets",
	    [NET_CONNECTED] = "says nothing",
	    [NET_REFUSED] = "refused",
	    [NET_TIMED_OUT] = "timed out",
	    [NET_UNREACHABLE] = "unreachable",
	};
	return names[outcome];
}
