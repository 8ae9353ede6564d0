/*
 * A map by settings. Its lock is for the map, the list and the references; each trust has one for
 * its context. The steward has a reference to the trusts of the snapshot, so that workers find them
 * read; only a request that began long ago, with settings that are gone meanwhile, may find one
 * missing, and then reads the files itself.
 *
 * Every LOOK_MS the steward looks at the files of the trusts whose turn it is, as many as
 * LOOKS_MAX: a file that was touched or replaced is read again, and one that is wrong is tried
 * again when it has changed. A context that was replaced lives as long as its connections.
 */
#include "origin/trust.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 2000, LOOKS_MAX = 256 };

/* The files, as enum tls_origin_part. */
enum { FILES = TLS_ORIGIN_KEY + 1 };

/* Which version of a file it is; all-zero: there is none. */
struct stamp {
	uint64_t device, inode, size, modified_ns, changed_ns;
};

struct origin_trust {
	struct map_node node;
	struct list_node looked;  /* the one looked at last is the last */
	struct list_node dropped; /* the steward's, for a moment */
	struct origin_trust_table *table;
	unsigned references;     /* under the table's lock */
	uint64_t snapshot;       /* the last one that needs it; the steward's */
	bool is_held;            /* the steward has a reference */
	pthread_mutex_t reading; /* one reads the files at a time; guards the next three */
	bool was_read;
	bool is_wrong;
	struct stamp stamps[FILES];
	pthread_mutex_t lock;        /* for the context */
	struct tls_context *context; /* NULL: it could not be made */
	atomic_uint version;
	bool verifies;
	char *paths[FILES]; /* NULL: not set */
};

struct origin_trust_table {
	struct loop *loop;
	struct origin_trust_sink *sink;
	struct timer timer;
	uint64_t snapshots; /* how many there were */
	pthread_mutex_t lock;
	struct map map;
	struct list looks;
};

static void lock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_lock(mutex) == 0);
}

static void unlock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_unlock(mutex) == 0);
}

/* ---- files ---- */

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

static struct stamp stamp_of(const struct stat *file)
{
	return (struct stamp){
	        .device = file->st_dev,
	        .inode = file->st_ino,
	        .size = (uint64_t)file->st_size,
	        .modified_ns = nanoseconds(&file->st_mtim),
	        .changed_ns = nanoseconds(&file->st_ctim),
	};
}

static const char *read_content(int fd, struct text *to, struct stamp *stamp)
{
	struct stat file;
	if (fstat(fd, &file) != 0)
		return strerror(errno);
	*stamp = stamp_of(&file);
	if (!S_ISREG(file.st_mode))
		return "is no regular file";
	if (file.st_size > LIMIT_TLS_FILE_BYTES)
		return "is too large";
	char block[4096];
	for (;;) {
		ssize_t count = read(fd, block, sizeof(block));
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return strerror(errno);
		if (count == 0)
			return NULL;
		if (to->len + (size_t)count > LIMIT_TLS_FILE_BYTES)
			return "is too large";
		text_add(to, str_make(block, (size_t)count));
	}
}

/* Why it cannot be read, or NULL. */
static const char *read_file(const char *path, struct text *to, struct stamp *stamp)
{
	/* Not blocking: opening a pipe would wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return strerror(errno);
	const char *why = read_content(fd, to, stamp);
	close(fd);
	return why;
}

/* What the files make, or NULL after what is wrong with which of them. */
static struct tls_context *make_context(const struct origin_trust *trust,
        const struct text *contents, enum tls_origin_part *ret_part, struct text *ret_why)
{
	struct str ca = text_str(&contents[TLS_ORIGIN_CA]);
	struct tls_origin_options options = {
	        .verifies = trust->verifies,
	        .ca = trust->paths[TLS_ORIGIN_CA] != NULL ? &ca : NULL,
	        .certificate = text_str(&contents[TLS_ORIGIN_CERTIFICATE]),
	        .key = text_str(&contents[TLS_ORIGIN_KEY]),
	};
	return tls_origin_context(&options, ret_part, ret_why);
}

/* A file that is configured and empty is none that was not. */
static const char *read_parts(
        const struct origin_trust *trust, struct text *contents, struct stamp *stamps, int *part)
{
	for (*part = 0; *part < FILES; ++*part) {
		if (trust->paths[*part] == NULL)
			continue;
		const char *why = read_file(trust->paths[*part], &contents[*part], &stamps[*part]);
		if (why != NULL)
			return why;
		if (contents[*part].len == 0)
			return "is empty";
	}
	return NULL;
}

static void tell(struct origin_trust *trust, int part, const char *why)
{
	struct origin_trust_sink *sink = trust->table->sink;
	if (sink->on_file != NULL && trust->paths[part] != NULL)
		sink->on_file(sink, trust->paths[part], why);
}

static void take_context(struct origin_trust *trust, struct tls_context *context)
{
	lock(&trust->lock);
	struct tls_context *old = trust->context;
	trust->context = context;
	unlock(&trust->lock);
	atomic_fetch_add(&trust->version, 1);
	tls_context_free(old);
}

/* Under the lock for reading. */
static void read_files(struct origin_trust *trust)
{
	struct text contents[FILES] = {0};
	struct text words = {0};
	int part;
	memset(trust->stamps, 0, sizeof(trust->stamps));
	const char *why = read_parts(trust, contents, trust->stamps, &part);
	if (why == NULL) {
		enum tls_origin_part wrong = TLS_ORIGIN_CA;
		struct tls_context *context = make_context(trust, contents, &wrong, &words);
		part = (int)wrong;
		if (context != NULL)
			take_context(trust, context);
		else
			why = text_c(&words);
	}
	if (why != NULL) {
		tell(trust, part, why);
	} else if (trust->is_wrong || trust->was_read) {
		for (part = 0; part < FILES; part++)
			tell(trust, part, NULL);
	}
	trust->is_wrong = why != NULL;
	trust->was_read = true;
	for (int i = 0; i < FILES; i++) {
		if (contents[i].at != NULL)
			explicit_bzero(contents[i].at, contents[i].cap); /* it may be a key */
		text_done(&contents[i]);
	}
	text_done(&words);
}

static void read_if_needed(struct origin_trust *trust)
{
	lock(&trust->reading);
	if (!trust->was_read)
		read_files(trust);
	unlock(&trust->reading);
}

static bool has_changed(const struct origin_trust *trust)
{
	for (int part = 0; part < FILES; part++) {
		struct stat file;
		struct stamp stamp = {0};
		if (trust->paths[part] == NULL)
			continue;
		if (stat(trust->paths[part], &file) == 0)
			stamp = stamp_of(&file);
		if (memcmp(&stamp, &trust->stamps[part], sizeof(stamp)) != 0)
			return true;
	}
	return false;
}

static void read_if_changed(struct origin_trust *trust)
{
	lock(&trust->reading);
	if (has_changed(trust))
		read_files(trust);
	unlock(&trust->reading);
}

/* ---- the table ---- */

/* Settings as they are looked for: what has no effect is left out. */
struct key {
	bool verifies;
	const char *paths[FILES];
};

/* The system's authorities, as one file that is read here and not by OpenSSL: it would look for
 * each authority in a folder, on a worker, in the middle of a handshake. NULL: this system has no
 * such file, and OpenSSL knows better. */
static const char *system_file(void)
{
	static const char BUNDLE[] = "/etc/ssl/certs/ca-certificates.crt";
	const char *set = secure_getenv("SSL_CERT_FILE");
	if (set != NULL && set[0] != '\0')
		return set;
	return access(BUNDLE, F_OK) == 0 ? BUNDLE : NULL;
}

static const char *authorities_of(const struct model_tls *settings)
{
	if (!settings->verify)
		return NULL;
	return settings->ca != NULL ? settings->ca : system_file();
}

static struct key key_of(const struct model_tls *settings)
{
	return (struct key){
	        .verifies = settings->verify,
	        .paths =
	                {
	                        [TLS_ORIGIN_CA] = authorities_of(settings),
	                        [TLS_ORIGIN_CERTIFICATE] = settings->certificate,
	                        [TLS_ORIGIN_KEY] =
	                                settings->certificate != NULL ? settings->key : NULL,
	                },
	};
}

static bool has_key(const struct map_node *node, const void *key)
{
	const struct origin_trust *trust = container_of(node, const struct origin_trust, node);
	const struct key *wanted = key;
	if (trust->verifies != wanted->verifies)
		return false;
	for (unsigned i = 0; i < FILES; i++) {
		const char *a = trust->paths[i], *b = wanted->paths[i];
		if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
			return false;
	}
	return true;
}

static uint64_t hash_of(const struct key *key)
{
	uint64_t hash = key->verifies;
	for (unsigned i = 0; i < FILES; i++) {
		struct str path = str_of(key->paths[i] != NULL ? key->paths[i] : "");
		hash = hash_mix(hash + i, hash_keyed(path.at, path.len));
	}
	return hash;
}

static struct origin_trust *make(struct origin_trust_table *table, const struct key *key)
{
	struct origin_trust *trust = mem_new(struct origin_trust);
	trust->table = table;
	trust->verifies = key->verifies;
	for (unsigned i = 0; i < FILES; i++)
		if (key->paths[i] != NULL)
			trust->paths[i] = mem_copy(key->paths[i], strlen(key->paths[i]) + 1);
	CHECK(pthread_mutex_init(&trust->reading, NULL) == 0);
	CHECK(pthread_mutex_init(&trust->lock, NULL) == 0);
	return trust;
}

static void free_trust(struct origin_trust *trust)
{
	tls_context_free(trust->context);
	for (unsigned i = 0; i < FILES; i++)
		mem_free(trust->paths[i]);
	pthread_mutex_destroy(&trust->reading);
	pthread_mutex_destroy(&trust->lock);
	mem_free(trust);
}

struct origin_trust *origin_trust_get(
        struct origin_trust_table *table, const struct model_tls *settings)
{
	struct key key = key_of(settings);
	uint64_t hash = hash_of(&key);
	struct origin_trust *trust;
	lock(&table->lock);
	struct map_node *node = map_find(&table->map, hash, has_key, &key);
	if (node != NULL) {
		trust = container_of(node, struct origin_trust, node);
	} else {
		trust = make(table, &key);
		map_add(&table->map, &trust->node, hash);
		list_add_first(&table->looks, &trust->looked);
	}
	trust->references++;
	unlock(&table->lock);
	read_if_needed(trust);
	return trust;
}

struct origin_trust *origin_trust_ref(struct origin_trust *trust)
{
	lock(&trust->table->lock);
	CHECK(trust->references > 0);
	trust->references++;
	unlock(&trust->table->lock);
	return trust;
}

void origin_trust_unref(struct origin_trust *trust)
{
	if (trust == NULL)
		return;
	struct origin_trust_table *table = trust->table;
	lock(&table->lock);
	CHECK(trust->references > 0);
	bool is_last = --trust->references == 0;
	if (is_last) {
		map_remove(&table->map, &trust->node);
		list_remove(&trust->looked);
	}
	unlock(&table->lock);
	if (is_last)
		free_trust(trust);
}

/* ---- the steward ---- */

/* The trust that was not looked at for longest, with a reference; NULL: there is none. */
static struct origin_trust *next_look(struct origin_trust_table *table)
{
	lock(&table->lock);
	struct list_node *node = list_take_first(&table->looks);
	struct origin_trust *trust = NULL;
	if (node != NULL) {
		trust = container_of(node, struct origin_trust, looked);
		list_add_last(&table->looks, node);
		trust->references++;
	}
	unlock(&table->lock);
	return trust;
}

void origin_trust_look(struct origin_trust_table *table)
{
	lock(&table->lock);
	size_t count = table->map.count < LOOKS_MAX ? table->map.count : LOOKS_MAX;
	unlock(&table->lock);
	struct origin_trust *trust;
	while (count-- > 0 && (trust = next_look(table)) != NULL) {
		read_if_changed(trust);
		origin_trust_unref(trust);
	}
}

static void on_timer(struct timer *timer)
{
	struct origin_trust_table *table = container_of(timer, struct origin_trust_table, timer);
	origin_trust_look(table);
	loop_timer_start(table->loop, timer, loop_now_ms(table->loop) + LOOK_MS);
}

static void hold(struct origin_trust_table *table, const struct model_origin *origin)
{
	if (origin == NULL || origin->protocol == MODEL_HTTP)
		return;
	struct origin_trust *trust = origin_trust_get(table, &origin->tls);
	trust->snapshot = table->snapshots;
	if (trust->is_held)
		origin_trust_unref(trust);
	trust->is_held = true;
}

/* Lets go of what is held, but not for this snapshot. */
static void drop_unneeded(struct origin_trust_table *table)
{
	struct list unneeded;
	list_init(&unneeded);
	lock(&table->lock);
	for (struct map_node *node = map_first(&table->map); node != NULL;
	        node = map_next(&table->map, node)) {
		struct origin_trust *trust = container_of(node, struct origin_trust, node);
		if (trust->is_held && trust->snapshot != table->snapshots)
			list_add_last(&unneeded, &trust->dropped);
	}
	unlock(&table->lock);
	struct list_node *node;
	while ((node = list_take_first(&unneeded)) != NULL) {
		struct origin_trust *trust = container_of(node, struct origin_trust, dropped);
		trust->is_held = false;
		origin_trust_unref(trust);
	}
}

void origin_trust_set_snapshot(
        struct origin_trust_table *table, const struct model_snapshot *snapshot)
{
	table->snapshots++;
	origin_trust_look(table);
	size_t count = snapshot != NULL ? model_snapshot_count(snapshot) : 0;
	for (size_t i = 0; i < count; i++) {
		struct model_domain *domain = model_snapshot_at(snapshot, i);
		if (domain->status != MODEL_ONLINE)
			continue;
		hold(table, &domain->origin);
		hold(table, domain->backup);
	}
	drop_unneeded(table);
}

struct origin_trust_table *origin_trust_table_new(struct loop *loop, struct origin_trust_sink *sink)
{
	struct origin_trust_table *table = mem_new(struct origin_trust_table);
	table->loop = loop;
	table->sink = sink;
	table->timer.on_expire = on_timer;
	list_init(&table->looks);
	CHECK(pthread_mutex_init(&table->lock, NULL) == 0);
	loop_timer_start(loop, &table->timer, loop_now_ms(loop) + LOOK_MS);
	return table;
}

void origin_trust_table_free(struct origin_trust_table *table)
{
	if (table == NULL)
		return;
	origin_trust_set_snapshot(table, NULL);
	loop_timer_cancel(table->loop, &table->timer);
	CHECK(table->map.count == 0);
	map_done(&table->map);
	pthread_mutex_destroy(&table->lock);
	mem_free(table);
}

/* ---- connections ---- */

unsigned origin_trust_version(const struct origin_trust *trust)
{
	return atomic_load_explicit(&trust->version, memory_order_relaxed);
}

struct tls *origin_trust_connect(struct origin_trust *trust, int socket, const char *name,
        struct tls_origin_sessions *sessions)
{
	lock(&trust->lock);
	struct tls *tls = NULL;
	if (trust->context != NULL)
		tls = tls_origin_new(trust->context, socket, name, sessions);
	unlock(&trust->lock);
	return tls;
}
