/* SPDX-License-Identifier: MIT */
/* profiler/parcel.h - the few files that a target is given to run code: a script, and a pipe
 * for what comes of it.
 *
 * They lie in a folder of their own in the target's temporary folder, as it sees it: in its
 * root, its mount namespace, its containers. The folder is made under a random name that was
 * not there, stays ours until all is in it, and is then given to the target's user, who alone
 * (with root) can enter it. No symbolic link is followed out of the target's root.
 *
 * A parcel can be removed by whoever has a copy of the struct and its descriptors: a guard
 * that was forked after parcel_choose() can, and knows the folder by its number in the file system
 * if .id lies in memory that both have.
 *
 * Access control lists let nobody else in: where the folder around it has a default one, ours gets
 * one whose mask is that of its mode, nothing (acl(5), "Object creation and default ACLs"), and
 * giving it away changes no mode.
 */
#ifndef PROFILER_PARCEL_H
#define PROFILER_PARCEL_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PARCEL_PATH_MAX = 256, PARCEL_NAME_MAX = 32 };

#define PARCEL_SCRIPT  "s" /* what is run; who unlinks it has claimed it */
#define PARCEL_PROBE   "p" /* an empty script */
#define PARCEL_CHANNEL "c" /* a named pipe, from the target to us */
#define PARCEL_SOCKET  "k" /* where the script may connect to, see parcel_listen() */
#define PARCEL_STREAM  "d" /* another one */

/* Which folder it is; inode 0: it is not made yet. */
struct parcel_id {
	uint64_t device, inode;
};

struct parcel {
	bool claimed;       /* by parcel_claim() */
	int parent, folder; /* open; -1: not (yet) */
	int watch;          /* of the script, an inotify; -1: none */
	bool timed;         /* its time of access tells */
	bool was_read;
	uint32_t uid, gid; /* of the target, as we see them */
	char name[PARCEL_NAME_MAX];
	char inside[PARCEL_PATH_MAX]; /* the folder's path as the target sees it */
	struct parcel_id *id;         /* where it is noted; NULL: nowhere */
};

/* Where: the first of the target's temporary folders in which a folder can be made, and a
 * name there. Makes nothing that stays. PS_IO: none of them, with the reasons; PS_GONE. */
enum ps_status parcel_choose(int pid, struct parcel *ret, struct ps_err *err) PS_MUST_USE;
/* Makes the folder and the pipe in it, whose reading end is *ret_channel (non-blocking). */
enum ps_status parcel_make(struct parcel *p, int *ret_channel, struct ps_err *err) PS_MUST_USE;
/* After parcel_make(): a socket in the folder. *ret_socket (non-blocking) listens; whoever
 * connects is to be asked who it is. It is found by its path, so that network namespaces do not
 * matter. */
enum ps_status parcel_listen(struct parcel *p, int *ret_socket, struct ps_err *err) PS_MUST_USE;
/* Another pipe; its reading end, non-blocking. */
enum ps_status parcel_add_pipe(struct parcel *p, const char *name, int *ret,
			       struct ps_err *err) PS_MUST_USE;
enum ps_status parcel_add(struct parcel *p, const char *name, const void *bytes, size_t len,
			  struct ps_err *err) PS_MUST_USE;
/* Now it is the target's. */
enum ps_status parcel_hand_over(struct parcel *p, struct ps_err *err) PS_MUST_USE;

/* Unlinks the script. True: it was there (now or at an earlier call), so nobody has begun to run
 * it, and nobody will. */
bool parcel_claim(struct parcel *p);
/* Is the script still there? */
bool parcel_has_script(const struct parcel *p);
/* Makes parcel_was_read() tell, from now on, whether anybody has read the script. */
void parcel_watch(struct parcel *p);
/* The same where times of access do not tell. False: nothing will. */
bool parcel_watch_events(struct parcel *p);
/* True as well if that cannot be known. */
bool parcel_was_read(struct parcel *p);

/* In a copy of before parcel_make(), as a guard has it: opens the folder, if it is there. */
void parcel_find(struct parcel *p);
/* Removes all of it that is there, and closes it. */
void parcel_remove(struct parcel *p);
/* Leaves it to another. */
void parcel_close(struct parcel *p);

#endif
