/*
 * The filter is a list of what is denied, not of what is allowed: libraries and sanitizers may use
 * what they like, and what is denied is what turns a hole in the edge into one in the machine:
 * other programs, other processes, the kernel's modules, mounts, keys and clocks.
 */
#include "main/sandbox.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

bool sandbox_become(const char *user)
{
	const struct passwd *entry = getpwnam(user);
	if (entry == NULL) {
		log_error("there is no user %s", user);
		return false;
	}
	if (geteuid() == entry->pw_uid && getuid() == entry->pw_uid)
		return true;
	if (initgroups(user, entry->pw_gid) != 0 ||
	        setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
	        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
		log_error("cannot become the user %s: %s", user, strerror(errno));
		return false;
	}
	CHECK(geteuid() == entry->pw_uid && getegid() == entry->pw_gid);
#ifdef MEM_HAS_ASAN
	/* For the leak checker, which ptraces us. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
	return true;
}

/* Root stays able to open what it could: the domains file and the log may be another user's. */
static void drop_capabilities(void)
{
	const uint32_t kept = 1u << CAP_DAC_OVERRIDE;
	for (unsigned long capability = 0;; capability++) {
		if (capability != CAP_DAC_OVERRIDE &&
		        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			break; /* the last one, or we may not */
	}
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	if (syscall(SYS_capget, &header, data) != 0)
		goto fail;
	for (size_t i = 0; i < ARRAY_LENGTH(data); i++) {
		data[i].permitted &= i == 0 ? kept : 0;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) == 0)
		return;
fail:
	log_warning("sandbox: rights cannot be dropped: %s", strerror(errno));
}

void sandbox_drop_rights(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_warning("sandbox: no_new_privs: %s", strerror(errno));
	drop_capabilities();
}

#ifdef MEM_HAS_ASAN

void sandbox_filter_calls(void)
{
	log_debug("sandbox: this build has no filter of system calls");
}

#else

static const char *const DENIED[] = {
        /* other programs and processes */
        "execve",
        "execveat",
        "fork",
        "vfork",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "process_madvise",
        "kcmp",
        "pidfd_getfd",
        "pidfd_send_signal",
        "personality",
        "setns",
        "unshare",
        /* the file system as a whole */
        "mount",
        "umount",
        "umount2",
        "mount_setattr",
        "move_mount",
        "open_tree",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "pivot_root",
        "chroot",
        "swapon",
        "swapoff",
        "quotactl",
        "quotactl_fd",
        "open_by_handle_at",
        "name_to_handle_at",
        "mknod",
        "mknodat",
        "acct",
        "fanotify_init",
        /* the kernel */
        "init_module",
        "finit_module",
        "delete_module",
        "create_module",
        "kexec_load",
        "kexec_file_load",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "lookup_dcookie",
        "syslog",
        "reboot",
        "uselib",
        "_sysctl",
        "modify_ldt",
        "iopl",
        "ioperm",
        "vm86",
        "vm86old",
        /* users, keys, clocks and names */
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "setgroups",
        "setfsuid",
        "setfsgid",
        "add_key",
        "request_key",
        "keyctl",
        "settimeofday",
        "stime",
        "clock_settime",
        "clock_settime64",
        "adjtimex",
        "clock_adjtime",
        "clock_adjtime64",
        "sethostname",
        "setdomainname",
        "vhangup",
};

/* Denies a call where its first argument is as `when` says, with an error of its own. */
static int deny_when(
        scmp_filter_ctx filter, const char *name, uint32_t action, struct scmp_arg_cmp when)
{
	int number = seccomp_syscall_resolve_name(name);
	return number >= 0 ? seccomp_rule_add_array(filter, action, number, 1, &when) : 0;
}

/* What is needed in one way and denied in all others: new threads, not processes; signals to
 * ourselves, not to a supervisor of the same user; sockets of the Internet and of this machine, not
 * of the kernel's odd corners. */
static int deny_other_ways(scmp_filter_ctx filter)
{
	static const char *const SIGNALS[] = {
	        "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"};
	const uint32_t denied = SCMP_ACT_ERRNO(EPERM);
	int result =
	        deny_when(filter, "clone", denied, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	for (size_t i = 0; i < ARRAY_LENGTH(SIGNALS) && result == 0; i++)
		result = deny_when(
		        filter, SIGNALS[i], denied, SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid()));
	if (result == 0)
		result = deny_when(filter, "socket", SCMP_ACT_ERRNO(EAFNOSUPPORT),
		        SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
	/* Its arguments are out of a filter's sight; whoever makes threads then takes clone. */
	int clone3 = seccomp_syscall_resolve_name("clone3");
	if (result == 0 && clone3 >= 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), clone3, 0);
	return result;
}

void sandbox_filter_calls(void)
{
	int result = -ENOMEM;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (filter == NULL)
		goto done;
	/* All threads; a tree instead of a list; and without the mitigation for speculative stores,
	 * which is for programs that run strangers' code and would cost more than all the rest. */
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(DENIED) && result == 0; i++) {
		int number = seccomp_syscall_resolve_name(DENIED[i]);
		/* What this machine, or this libseccomp, does not know needs no denying. */
		if (number >= 0)
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
	}
	if (result == 0)
		result = deny_other_ways(filter);
	if (result == 0)
		result = seccomp_load(filter);
done:
	if (result != 0)
		log_warning("sandbox: system calls are not filtered: %s", strerror(-result));
	if (filter != NULL)
		seccomp_release(filter);
}

#endif
