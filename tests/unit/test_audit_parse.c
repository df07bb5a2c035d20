/* SPDX-License-Identifier: ISC */
#include "control/audit-parse.h"
#include "tests/unit/unit.h"

#include <sys/socket.h>

static const char status_text[] = "Name:\tx\nUmask:\t0077\nState:\tS (sleeping)\nUid:\t1\t2\t3\t4\n"
				  "Gid:\t5\t6\t7\t8\nGroups:\t9 10 \nThreads:\t3\n"
				  "CapInh:\t0000000000000001\nCapPrm:\t0000000000000002\n"
				  "CapEff:\t0000000000000003\nCapBnd:\t000001ffffffffff\n"
				  "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
				  "Seccomp_filters:\t2\n";

START_TEST(status)
{
	struct audit_status s;
	ck_assert(audit_parse_status(str_from_cstr(status_text), &s));
	ck_assert_uint_eq(s.uid[0], 1);
	ck_assert_uint_eq(s.uid[3], 4);
	ck_assert_uint_eq(s.gid[1], 6);
	ck_assert_uint_eq(s.group_count, 2);
	ck_assert_uint_eq(s.groups[1], 10);
	ck_assert_uint_eq(s.caps[CAP_INHERITABLE], 1);
	ck_assert_uint_eq(s.caps[CAP_EFFECTIVE], 3);
	ck_assert_uint_eq(s.caps[CAP_BOUNDING], 0x1ffffffffffU);
	ck_assert(s.no_new_privs);
	ck_assert_uint_eq(s.seccomp, 2);
	ck_assert_uint_eq(s.filters, 2);
	ck_assert_uint_eq(s.threads, 3);
}
END_TEST

/* Only the number of filters may be missing, as older kernels leave it out. */
START_TEST(status_cut)
{
	const size_t whole = sizeof(status_text) - 1;
	const size_t needed = (size_t)(strstr(status_text, "Seccomp_filters") - status_text) - 1;
	for (size_t n = 0; n < whole; n++) {
		struct audit_status s;
		struct str cut = unit_copy(str_from(status_text, n));
		ck_assert_int_eq(audit_parse_status(cut, &s), n >= needed);
		unit_free(cut);
	}
}
END_TEST

/* A name cannot pretend to be a line: the kernel writes its newline as \n. */
START_TEST(status_of_a_liar)
{
	struct audit_status s;
	ck_assert(!audit_parse_status(STR("Name:\tx\\nSeccomp:\t2\nUid:\t0\t0\t0\t0\n"), &s));
}
END_TEST

START_TEST(limit)
{
	static const char text[] =
	    "Limit                     Soft Limit           Hard Limit           Units     \n"
	    "Max core file size        0                    0                    bytes     \n"
	    "Max processes             unlimited            unlimited            processes \n"
	    "Max open files            1024                 524288               files     \n";
	uint64_t n;
	ck_assert(audit_parse_limit(str_from_cstr(text), STR("Max core file size"), &n) && n == 0);
	ck_assert(
	    audit_parse_limit(str_from_cstr(text), STR("Max processes"), &n) && n == UINT64_MAX);
	ck_assert(audit_parse_limit(str_from_cstr(text), STR("Max open files"), &n) && n == 524288);
	ck_assert(!audit_parse_limit(str_from_cstr(text), STR("Max nice priority"), &n));
}
END_TEST

START_TEST(inet)
{
	static const char line[] =
	    "   1: 0100007F:DAF1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
	    "        0 2663251 1 00000000f34b1733 100 0 0 10 0";
	static const char six[] =
	    "   0: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 01"
	    " 00000000:00000000 00:00000000 00000000     0        0 77 1 x";
	struct audit_socket s;
	ck_assert(audit_parse_inet(str_from_cstr(line), AUDIT_TCP, &s));
	ck_assert(s.listening && s.port == 0xdaf1 && s.inode == 2663251);
	ck_assert(audit_parse_inet(str_from_cstr(six), AUDIT_TCP, &s));
	ck_assert(!s.listening && s.port == 25 && s.inode == 77);
	ck_assert(audit_parse_inet(str_from_cstr(line), AUDIT_UDP, &s) && !s.listening);
	ck_assert(!audit_parse_inet(
	    STR("  sl  local_address rem_address   st tx_queue rx_queue tr"), AUDIT_TCP, &s));
	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		struct str cut = unit_copy(str_from(line, n));
		audit_parse_inet(cut, AUDIT_TCP, &s);
		unit_free(cut);
	}
}
END_TEST

START_TEST(unix_sockets)
{
	struct audit_socket s;
	ck_assert(audit_parse_unix(
	    STR("00000000c2bbf82d: 00000002 00000000 00010000 0005 01 2663249 /run/a b/queue.sock"),
	    &s));
	ck_assert(s.listening && s.type == SOCK_SEQPACKET && s.inode == 2663249);
	ck_assert_str(s.path, STR("/run/a b/queue.sock"));
	ck_assert(
	    audit_parse_unix(STR("00000000c2bbf82d: 00000003 00000000 00000000 0001 03 1"), &s));
	ck_assert(!s.listening && s.type == SOCK_STREAM && s.path.n == 0);
	ck_assert(
	    !audit_parse_unix(STR("Num       RefCount Protocol Flags    Type St Inode Path"), &s));
}
END_TEST

START_TEST(numbers_of_descriptors)
{
	uint64_t n;
	unsigned flags;
	ck_assert(audit_parse_inode(STR("socket:[42]"), STR("socket:["), &n) && n == 42);
	ck_assert(!audit_parse_inode(STR("socket:["), STR("socket:["), &n));
	ck_assert(!audit_parse_inode(STR("socket:[]"), STR("socket:["), &n));
	ck_assert(!audit_parse_inode(STR("pipe:[42]"), STR("socket:["), &n));
	ck_assert(audit_parse_flags(STR("pos:\t0\nflags:\t02004002\nmnt_id:\t9\n"), &flags));
	ck_assert_uint_eq(flags, 02004002);
	ck_assert(!audit_parse_flags(STR("pos:\t0\nflags:\t08\n"), &flags));
}
END_TEST

UNIT_MAIN("audit-parse", status, status_cut, status_of_a_liar, limit, inet, unix_sockets,
    numbers_of_descriptors)
