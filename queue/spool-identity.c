/* SPDX-License-Identifier: ISC */
#include "queue/spool-identity.h"
#include "queue/spool-bytes.h"
#include "queue/spool-crc.h"

#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* "postern-spool 1 IDENTITY KEY CRC\n", in hexadecimal; the CRC is of what precedes it. */
enum { TEXT_SIZE = 16 + 8 + 1 + 16 + 1 + 8 + 1, AT_IDENTITY = 16, AT_KEY = 25, AT_CRC = 42 };
static const char file_name[] = "identity";

uint32_t spool_identity_seed(uint64_t key)
{
	uint8_t p[8];
	spool_bytes_put64(p, key);
	return spool_crc(0, p, sizeof(p));
}

void spool_identity_vote(struct spool_identity_votes *v, uint32_t slot, uint32_t identity, uint64_t key)
{
	if (v->count == v->capacity) {
		v->capacity = v->capacity == 0 ? 16 : v->capacity * 2;
		v->list = xreallocarray(v->list, v->capacity, sizeof(*v->list));
	}
	v->list[v->count++] = (struct spool_identity_vote){slot, identity, key};
}

bool spool_identity_is_ours(const struct spool_identity_votes *v, uint32_t slot, uint32_t identity,
    uint64_t key)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->list[i].slot == slot)
			return v->list[i].identity == identity && v->list[i].key == key;
	return false;
}

void spool_identity_votes_reset(struct spool_identity_votes *v)
{
	free(v->list);
	*v = (struct spool_identity_votes){0};
}

static void format(char out[TEXT_SIZE + 1], uint32_t identity, uint64_t key)
{
	int n = snprintf(out, TEXT_SIZE + 1, "postern-spool 1 %08x %016llx ", identity, (unsigned long long)key);
	snprintf(out + n, TEXT_SIZE + 1 - (size_t)n, "%08x\n", spool_crc(0, out, (size_t)n));
}

static uint64_t hex(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		char c = ascii_lower(p[i]);
		v = v << 4 | (uint64_t)(ascii_is_digit(c) ? c - '0' : (c - 'a' + 10) & 15);
	}
	return v;
}

/* What was written is what is written again from what was read. */
static bool parse(const char text[TEXT_SIZE], uint32_t *identity, uint64_t *key)
{
	char again[TEXT_SIZE + 1];
	*identity = (uint32_t)hex(text + AT_IDENTITY, 8);
	*key = hex(text + AT_KEY, 16);
	format(again, *identity, *key);
	return memcmp(text, again, TEXT_SIZE) == 0;
}

static int read_file(struct spool_io *io, char text[TEXT_SIZE])
{
	uint64_t size = 0;
	int fd = io->open(io, SPOOL_DIR_TOP, file_name, O_RDONLY);
	if (fd < 0)
		return errno;
	int error = io->size(io, fd, &size) < 0 ? errno : 0;
	if (error == 0)
		error = size != TEXT_SIZE ? EBADMSG : spool_io_read(io, fd, text, TEXT_SIZE, 0);
	io->close(io, fd);
	return error;
}

/* Segments are many; their number is squared only when the file is lost. */
static const struct spool_identity_vote *most_common(const struct spool_identity_votes *v)
{
	const struct spool_identity_vote *best = NULL;
	size_t most = 0;
	for (size_t i = 0; i < v->count && most <= v->count / 2; i++) {
		size_t n = 0;
		for (size_t k = 0; k < v->count; k++)
			n += v->list[k].identity == v->list[i].identity && v->list[k].key == v->list[i].key;
		if (n > most) {
			most = n;
			best = &v->list[i];
		}
	}
	return best;
}

static int make_up(struct spool_survey *s)
{
	uint8_t p[12];
	if (getrandom(p, sizeof(p), 0) != (ssize_t)sizeof(p))
		return EIO;
	s->identity = spool_bytes_get32(p);
	s->key = spool_bytes_get64(p + 4);
	s->is_new = true;
	return 0;
}

int spool_identity_find(struct spool_survey *s, const struct spool_identity_votes *v,
    struct spool_faults *faults)
{
	char text[TEXT_SIZE];
	int error = read_file(faults->io, text);
	if (error == 0 && !parse(text, &s->identity, &s->key))
		error = EBADMSG;
	if (error != 0 && error != ENOENT && error != EBADMSG && error != ENODATA)
		return error;
	s->identity_lost = error != 0;
	const struct spool_identity_vote *vote = error != 0 ? most_common(v) : NULL;
	if (vote != NULL) {
		s->identity = vote->identity;
		s->key = vote->key;
	}
	if (error != 0 && (vote != NULL || s->count > 0 || error != ENOENT))
		spool_faults_say(faults, "identity: %s; %s", error == ENOENT ? "missing" : "does not check",
		    vote != NULL ? "taken from the segments" : "a new one is made");
	error = error != 0 && vote == NULL ? make_up(s) : 0;
	s->seed = spool_identity_seed(s->key);
	return error;
}

/* An old one that does not check is overwritten: the file is as long as before. */
int spool_survey_write_identity(const struct spool_survey *s, struct spool_io *io)
{
	char text[TEXT_SIZE + 1];
	format(text, s->identity, s->key);
	io->unlink(io, SPOOL_DIR_TOP, file_name);
	int fd = io->open(io, SPOOL_DIR_TOP, file_name, O_WRONLY | O_CREAT | O_EXCL);
	if (fd < 0)
		return errno;
	int error = spool_io_write(io, fd, text, TEXT_SIZE, 0);
	if (error == 0 && (io->sync_file(io, fd) < 0 || io->sync_dir(io, SPOOL_DIR_TOP) < 0))
		error = errno;
	io->close(io, fd);
	return error;
}
