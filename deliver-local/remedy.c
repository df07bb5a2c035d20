/* SPDX-License-Identifier: ISC
 *
 * All of them are 4.x.x: none of these is the sender's or the recipient's fault,
 * and each goes away when the operator acts.
 */
#include "deliver-local/remedy.h"

#include <errno.h>

static const struct {
	int error;
	struct remedy remedy;
} remedies[] = {
    {ENOSPC,
	{"4.3.1", "the file system of the mailboxes has no space or no inodes left: make room"}},
    {EDQUOT, {"4.2.2", "the disk quota of the mailbox is used up: raise it, or remove mail"}},
    {EFBIG, {"4.3.1", "the message is larger than a file may be: raise the limit of file sizes"}},
    {EIO, {"4.3.0", "the disk of the mailboxes reports errors: see the kernel's log"}},
    {EROFS,
	{"4.3.0",
	    "the file system of the mailboxes is mounted read-only: check it, mount it writable"}},
    {EMFILE, {"4.3.0", "deliver-local is out of descriptors: raise its limit (LimitNOFILE)"}},
    {ENFILE, {"4.3.0", "the system is out of descriptors: raise fs.file-max"}},
    {ENOMEM, {"4.3.0", "the system is out of memory"}},
    {EACCES, {"4.3.5", "the mailbox is not deliver-local's to write: give it to the user that "
		       "deliver-local runs as (chown -R)"}},
    {EPERM, {"4.3.5", "the mailbox is not deliver-local's to write: check owner and attributes"}},
    {ELOOP, {"4.3.5", "there is a symbolic link in the mailbox's path, and links are not followed: "
		      "replace it by a directory or a bind mount"}},
    {EXDEV, {"4.3.5", "tmp and new of the mailbox lie on different file systems: put them on one"}},
    {ENOTDIR,
	{"4.3.5", "there is something in the mailbox's path that is no directory: move it away"}},
    {ENAMETOOLONG, {"4.3.5", "the mailbox's path is longer than the file system takes: shorten "
			     "\"mailboxes\""}},
    {ENOENT, {"4.3.0", "the mailbox vanished while it was written"}},
    {EBADMSG,
	{"4.3.0", "the spool's file of this message is cut short: see `postern queue verify`"}},
};

static const struct remedy unknown = {"4.3.0", "the mailbox cannot be written"};

const struct remedy *remedy_for(int error)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].error == error)
			return &remedies[i].remedy;
	return &unknown;
}
