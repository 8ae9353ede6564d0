/*
 * The rules between settings, and between them and this machine. A value by itself was held against
 * its range when it was read, so what is told here names the setting and no line.
 */
#include "main/settings.h"

#include "base/address.h"
#include "base/limit.h"
#include "base/mem.h"
#include "main/command_socket.h"
#include "net/local.h"

#include <pwd.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTEN_MAX = 64, EDGE_NAME_MAX = 128 };

static void refuse(struct model_problems *problems, const char *name, const char *rule,
        const char *value, const char *words)
{
	model_problems_add(problems, NULL, 0, name, rule, "\"%s\" %s", value, words);
}

static void check_addresses(
        const char *name, const struct words *list, struct model_problems *problems)
{
	if (list->count > LISTEN_MAX)
		model_problems_add(problems, NULL, 0, name, "range",
		        "%u addresses are more than %d", list->count, LISTEN_MAX);
	for (unsigned i = 1; i < list->count; i++) {
		unsigned j = 0;
		while (j < i && !settings_is_same_address(list->list[i], list->list[j]))
			j++;
		if (j < i)
			refuse(problems, name, "doubled", list->list[i], "is in the list twice");
	}
}

static void check_listen(const struct settings *settings, struct model_problems *problems)
{
	if (settings->listen.count == 0)
		model_problems_add(problems, NULL, 0, "listen", "required", "there is no address");
	check_addresses("listen", &settings->listen, problems);
}

static bool has_addresses(const struct words *list)
{
	return list->count > 1 || (list->count == 1 && strcmp(list->list[0], "off") != 0);
}

/* A list that may be off. */
static void check_optional(
        const char *name, const struct words *list, struct model_problems *problems)
{
	if (!has_addresses(list))
		return;
	for (unsigned i = 0; i < list->count; i++) {
		if (strcmp(list->list[i], "off") != 0)
			continue;
		refuse(problems, name, "exclusive", "off", "goes with no address");
		return;
	}
	check_addresses(name, list, problems);
}

/* An address is for one of both. */
static void check_tls(const struct settings *settings, struct model_problems *problems)
{
	if (!has_addresses(&settings->listen_tls))
		return;
	for (unsigned i = 0; i < settings->listen_tls.count; i++) {
		const char *secure = settings->listen_tls.list[i];
		for (unsigned j = 0; strcmp(secure, "off") != 0 && j < settings->listen.count; j++)
			if (settings_is_same_address(secure, settings->listen.list[j]))
				refuse(problems, "listen_tls", "doubled", secure,
				        "is in listen, too");
	}
}

static bool is_folder(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void check_folders(const struct settings *settings, struct model_problems *problems)
{
	if (!is_folder(settings->spool_dir))
		refuse(problems, "spool_dir", "folder", settings->spool_dir, "is no folder");
	if (settings->certificates[0] != '\0' && !is_folder(settings->certificates))
		refuse(problems, "certificates", "folder", settings->certificates, "is no folder");
	if (settings->acme_dir[0] != '\0' && !is_folder(settings->acme_dir))
		refuse(problems, "acme_dir", "folder", settings->acme_dir, "is no folder");
	if (settings->state_dir[0] != '\0' && !is_folder(settings->state_dir))
		refuse(problems, "state_dir", "folder", settings->state_dir, "is no folder");

	const char *log = settings->access_log, *slash = strrchr(log, '/');
	if (log[0] == '\0')
		refuse(problems, "access_log", "required", log, "is no path; `off` is for none");
	if (slash == NULL || slash == log)
		return;
	struct text parent = {0};
	text_add(&parent, str_make(log, (size_t)(slash - log)));
	if (!is_folder(text_c(&parent)) || is_folder(log))
		refuse(problems, "access_log", "folder", log,
		        "is a folder, or in a folder that is not there");
	text_done(&parent);
}

static void check_socket(const struct settings *settings, struct model_problems *problems)
{
	const char *slash = strrchr(settings->socket, '/');
	struct text path = {0}, parent = {0};
	command_socket_add_path(settings, &path);
	if (path.len > LOCAL_PATH_BYTES)
		refuse(problems, "socket", "range", text_c(&path),
		        "is longer than 107 bytes, the most of a UNIX socket's path");
	if (slash != NULL && slash != settings->socket)
		text_add(&parent, str_make(settings->socket, (size_t)(slash - settings->socket)));
	if (parent.len != 0 && !is_folder(text_c(&parent)))
		refuse(problems, "socket", "folder", settings->socket,
		        "is in no folder that is there");
	text_done(&path);
	text_done(&parent);
}

static void check_control(const struct settings *settings, struct model_problems *problems)
{
	struct model_host host;
	uint16_t port;
	bool is_remote = settings_has_remote_control(settings, &host, &port);
	if ((is_remote || settings_has_link(settings)) && settings->link_identity[0] == '\0')
		model_problems_add(problems, NULL, 0, "link_identity", "required",
		        "%s needs a file that shows the other machine who we are",
		        is_remote ? "control" : "link");
	if (!is_remote && strlen(settings->control) > LOCAL_PATH_BYTES)
		refuse(problems, "control", "range", settings->control,
		        "is longer than 107 bytes, the most of a UNIX socket's path");
}

/* Characters that a message of the link may have in a name (link/message.h). */
static void check_edge_name(const struct settings *settings, struct model_problems *problems)
{
	size_t length = 0;
	for (const char *at = settings->edge_name; *at > ' ' && *at <= '~'; at++)
		length++;
	if (settings->edge_name[length] != '\0' || length > EDGE_NAME_MAX)
		refuse(problems, "edge_name", "syntax", settings->edge_name,
		        "is no name of at most 128 visible characters (ASCII)");
}

static void check_user(const struct settings *settings, struct model_problems *problems)
{
	if (settings->user[0] == '\0')
		return;
	const struct passwd *entry = getpwnam(settings->user);
	if (entry == NULL)
		refuse(problems, "user", "user", settings->user, "is no user of this machine");
	else if (geteuid() != 0 && geteuid() != entry->pw_uid)
		refuse(problems, "user", "user", settings->user,
		        "is another user, and only root can become one");
}

/* A token (RFC 9110) has the characters of host names and ports, too. */
static void check_cdn_id(const struct settings *settings, struct model_problems *problems)
{
	static const char CHARACTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                 "0123456789!#$%&'*+-.^_`|~:";
	size_t length = strlen(settings->cdn_id);
	if (length == 0 || length > 255 || strspn(settings->cdn_id, CHARACTERS) != length)
		refuse(problems, "cdn_id", "syntax", settings->cdn_id,
		        "is no token or host name of at most 255 characters");
}

/* Beyond the limit the kernel would kill who makes the memory (SIGXFSZ), again and again; beyond
 * the machine's memory it would kill once that is full. */
static void check_cache(const struct settings *settings, struct model_problems *problems)
{
	struct rlimit limit;
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	if (settings->cache_memory > machine)
		model_problems_add(problems, NULL, 0, "cache_memory", "range",
		        "it is more than the memory of this machine, %llum",
		        (unsigned long long)(machine >> 20));
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && settings->cache_memory > limit.rlim_cur)
		model_problems_add(problems, NULL, 0, "cache_memory", "range",
		        "it is more than the size of files is limited to (RLIMIT_FSIZE)");
}

/* Whether an item before this one has the same path. */
static bool is_disk_doubled(const struct words *disks, unsigned index, struct str path)
{
	for (unsigned i = 0; i < index; i++) {
		struct settings_disk other;
		CHECK(settings_read_disk(str_of(disks->list[i]), &other));
		if (str_is_equal(other.path, path))
			return true;
	}
	return false;
}

static void check_disks(const struct settings *settings, struct model_problems *problems)
{
	const struct words *disks = &settings->cache_disks;
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
	uint64_t total = 0;
	(void)getrlimit(RLIMIT_FSIZE, &limit);
	for (unsigned i = 0; i < disks->count; i++) {
		struct settings_disk disk;
		CHECK(settings_read_disk(str_of(disks->list[i]), &disk));
		total += disk.bytes; /* what one may have and how many there may be can't wrap */
		if (disk.bytes > limit.rlim_cur)
			refuse(problems, "cache_disks", "range", disks->list[i],
			        "is more than the size of files is limited to (RLIMIT_FSIZE)");
		if (is_disk_doubled(disks, i, disk.path))
			refuse(problems, "cache_disks", "doubled", disks->list[i],
			        "has a path that is in the list twice");
	}
	if (disks->count > LIMIT_CACHE_DISKS)
		model_problems_add(problems, NULL, 0, "cache_disks", "range",
		        "%u disks are more than %d", disks->count, LIMIT_CACHE_DISKS);
	if (total > (uint64_t)LIMIT_CACHE_DISK_GIB_MAX << 30)
		model_problems_add(problems, NULL, 0, "cache_disks", "range",
		        "together they are more than %d GiB", LIMIT_CACHE_DISK_GIB_MAX);
	if (disks->count > 0 && settings->cache_memory == 0)
		model_problems_add(problems, NULL, 0, "cache_disks", "required",
		        "disks need cache_memory, through which all goes that they keep");
}

bool settings_check(const struct settings *settings, struct model_problems *problems)
{
	unsigned before = problems->total;
	check_listen(settings, problems);
	check_optional("listen_tls", &settings->listen_tls, problems);
	check_tls(settings, problems);
	check_optional("api", &settings->api, problems);
	check_optional("metrics", &settings->metrics, problems);
	check_optional("link", &settings->link, problems);
	check_folders(settings, problems);
	check_socket(settings, problems);
	check_control(settings, problems);
	check_edge_name(settings, problems);
	check_user(settings, problems);
	check_cdn_id(settings, problems);
	check_cache(settings, problems);
	check_disks(settings, problems);
	if (settings->proxy_protocol && settings->trusted_proxies.count == 0)
		model_problems_add(problems, NULL, 0, "proxy_protocol", "required",
		        "the PROXY header needs trusted_proxies, or every connection is closed");
	if (settings->block_time_ms > settings->block_time_max_ms)
		model_problems_add(problems, NULL, 0, "block_time", "range",
		        "a block cannot be longer than block_time_max");
	if (settings->response_failures > settings->response_window)
		model_problems_add(problems, NULL, 0, "response_failures", "range",
		        "there are no more failures than response_window has attempts");
	return problems->total == before;
}

bool settings_is_same_address(const char *a, const char *b)
{
	struct address first, second;
	CHECK(address_parse(str_of(a), &first) && address_parse(str_of(b), &second));
	return first.port != 0 && address_is_equal(&first, &second);
}

bool settings_has_api(const struct settings *settings)
{
	return has_addresses(&settings->api);
}

bool settings_has_tls(const struct settings *settings)
{
	return has_addresses(&settings->listen_tls);
}

bool settings_has_metrics(const struct settings *settings)
{
	return has_addresses(&settings->metrics);
}

bool settings_has_link(const struct settings *settings)
{
	return has_addresses(&settings->link);
}

bool settings_has_remote_control(
        const struct settings *settings, struct model_host *ret_host, uint16_t *ret_port)
{
	struct model_why why;
	return strchr(settings->control, '/') == NULL &&
	       model_host_read_authority(str_of(settings->control), ret_host, ret_port, &why) &&
	       *ret_port != 0;
}

struct address_prefix *settings_trusted(const struct settings *settings, unsigned *ret_count)
{
	const unsigned count = settings->trusted_proxies.count;
	struct address_prefix *trusted = mem_zero((count + 1) * sizeof(*trusted));
	for (unsigned i = 0; i < count; i++)
		CHECK(address_prefix_parse(str_of(settings->trusted_proxies.list[i]), &trusted[i]));
	*ret_count = count;
	return trusted;
}

unsigned settings_workers(const struct settings *settings)
{
	cpu_set_t cores;
	if (settings->workers != 0)
		return (unsigned)settings->workers;
	/* A machine of more cores than the set holds has enough of them for its answer to be good.
	 */
	if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&cores);
}
