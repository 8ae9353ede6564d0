/*
 * The store is opened last of all for others: whoever sees it finds the domains there already.
 */
#include "control/opening.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/accounts.h"
#include "store/domains.h"

#include <sodium.h>
#include <unistd.h>

/* Of those that are connected something is noted each hour (control.c). */
enum { EDGE_MS = 2 * 3600 * 1000 };

struct reading {
	struct store_domain_sink sink;
	struct store_purge_sink purge_sink;
	struct store_edge_sink edge_sink;
	struct control_opening *opening;
};

static void on_domain(struct store_domain_sink *sink, const char *name, struct model_domain *domain,
        uint64_t revision)
{
	struct control_opening *opening = container_of(sink, struct reading, sink)->opening;
	if (domain == NULL) {
		if (opening->gone_count == opening->gone_cap) {
			opening->gone_cap = opening->gone_cap == 0 ? 16 : opening->gone_cap * 2;
			opening->gone = mem_resize(
			        opening->gone, opening->gone_cap * sizeof(opening->gone[0]));
		}
		opening->gone[opening->gone_count].name = mem_copy(name, strlen(name));
		opening->gone[opening->gone_count++].revision = revision;
		return;
	}
	if (opening->count == opening->cap) {
		opening->cap = opening->cap == 0 ? 16 : opening->cap * 2;
		opening->changes =
		        mem_resize(opening->changes, opening->cap * sizeof(opening->changes[0]));
	}
	opening->changes[opening->count++] =
	        (struct model_change){domain->name, model_domain_ref(domain)};
}

static void on_purge(struct store_purge_sink *sink, const struct store_purge *purge)
{
	struct control_opening *opening = container_of(sink, struct reading, purge_sink)->opening;
	if (opening->purge_count == opening->purge_cap) {
		opening->purge_cap = opening->purge_cap == 0 ? 16 : opening->purge_cap * 2;
		opening->purges = mem_resize(
		        opening->purges, opening->purge_cap * sizeof(opening->purges[0]));
	}
	opening->purges[opening->purge_count].number = purge->number;
	opening->purges[opening->purge_count].revision = purge->revision;
	opening->purges[opening->purge_count++].line = mem_copy(purge->what.at, purge->what.len);
}

/* Purges that are not too old. */
static enum store_failure read_purges(struct control_opening *opening, struct reading *reading)
{
	struct store_purge_span left;
	uint64_t until_ms = control_setting_until_ms(
	        &opening->settings, CONTROL_SETTING_PURGE_DAYS, clock_wall_ms());
	enum store_failure failure = store_tasks_expire(opening->store, until_ms, &left);
	if (failure == STORE_DONE)
		failure = store_tasks_read_since(
		        opening->store, 0, &reading->purge_sink, &opening->span);
	return failure;
}

static void on_edge(struct store_edge_sink *sink, struct str edge, uint64_t purged)
{
	struct control_opening *opening = container_of(sink, struct reading, edge_sink)->opening;
	if (opening->edge_count == opening->edge_cap) {
		opening->edge_cap = opening->edge_cap == 0 ? 16 : opening->edge_cap * 2;
		opening->edges =
		        mem_resize(opening->edges, opening->edge_cap * sizeof(opening->edges[0]));
	}
	opening->edges[opening->edge_count].id = mem_copy(edge.at, edge.len);
	opening->edges[opening->edge_count++].purged = purged;
}

struct counting {
	struct store_account_sink sink;
	size_t count;
};

static void on_account(struct store_account_sink *sink, const struct store_account *account)
{
	(void)account;
	container_of(sink, struct counting, sink)->count++;
}

void control_opening_make_password(char password[CONTROL_OPENING_PASSWORD_BYTES])
{
	static const char ALPHABET[] = "abcdefghijkmnpqrstuvwxyz23456789";
	for (size_t i = 0; i < CONTROL_OPENING_PASSWORD_BYTES - 1; i++)
		password[i] = ALPHABET[randombytes_uniform(sizeof(ALPHABET) - 1)];
	password[CONTROL_OPENING_PASSWORD_BYTES - 1] = '\0';
}

/* Makes admin what it was at the first start, also when it is no more. */
static enum store_failure set_admin(struct store *store, const char *password)
{
	const struct store_account_change change = {.has_role = true,
	        .role = STORE_ADMIN,
	        .password = str_of(password),
	        .must_change = true};
	enum store_failure failure = store_accounts_change(store, STR("admin"), &change);
	if (failure != STORE_ABSENT)
		return failure;
	return store_accounts_add(store, STR("admin"), STORE_ADMIN, str_of(password), true);
}

/* Makes the first account; or a new password of it, where the file is there that asks for one. The
 * file goes first: it must not ask at each start. */
static enum store_failure make_first_account(struct control_opening *opening)
{
	struct counting counting = {.sink = {.on_account = on_account}};
	char password[CONTROL_OPENING_PASSWORD_BYTES];
	enum store_failure failure = store_accounts_list(opening->store, &counting.sink);
	if (failure != STORE_DONE)
		return failure;
	opening->is_reset = counting.count > 0;
	if (opening->is_reset &&
	        (opening->reset_path == NULL || unlink(opening->reset_path) != 0)) {
		opening->is_reset = false;
		return STORE_DONE;
	}
	control_opening_make_password(password);
	failure = set_admin(opening->store, password);
	if (failure == STORE_DONE)
		memcpy(opening->password, password, sizeof(password));
	sodium_memzero(password, sizeof(password));
	return failure;
}

void control_opening_run(struct control_opening *opening)
{
	struct reading reading = {.sink = {.on_domain = on_domain},
	        .purge_sink = {.on_purge = on_purge},
	        .edge_sink = {.on_edge = on_edge},
	        .opening = opening};
	enum store_failure failure;
	struct text detail = {0};
	opening->store = store_open(&opening->options, &failure, &detail);
	if (opening->store != NULL) {
		failure = control_settings_read(opening->store, &opening->settings,
		        &opening->settings_revision, &opening->unusable);
		if (failure == STORE_DONE)
			failure = store_domains_read_since(
			        opening->store, 0, &reading.sink, &opening->revision);
		opening->certificates = control_certificates_new();
		if (failure == STORE_DONE)
			failure = control_certificates_read(opening->certificates, opening->store);
		if (failure == STORE_DONE)
			failure = read_purges(opening, &reading);
		if (failure == STORE_DONE)
			failure = store_tasks_edges(
			        opening->store, clock_wall_ms() - EDGE_MS, &reading.edge_sink);
		if (failure == STORE_DONE)
			failure = make_first_account(opening);
		/* Last: what was read is what the epoch begins with. */
		if (failure == STORE_DONE)
			failure = store_epochs_begin(
			        opening->store, opening->epochs, &opening->epoch_count);
		if (failure != STORE_DONE)
			store_add_detail(opening->store, &detail);
	}
	if (failure != STORE_DONE) {
		text_addf(&opening->error, "%s: %s", store_failure_words(failure), text_c(&detail));
		store_close(opening->store);
		opening->store = NULL;
	}
	text_done(&detail);
}

void control_opening_done(struct control_opening *opening)
{
	store_close(opening->store);
	opening->store = NULL;
	for (size_t i = 0; i < opening->count; i++)
		model_domain_unref(opening->changes[i].domain);
	for (size_t i = 0; i < opening->gone_count; i++)
		mem_free(opening->gone[i].name);
	for (size_t i = 0; i < opening->purge_count; i++)
		mem_free(opening->purges[i].line);
	for (size_t i = 0; i < opening->edge_count; i++)
		mem_free(opening->edges[i].id);
	mem_free(opening->edges);
	mem_free(opening->purges);
	mem_free(opening->changes);
	mem_free(opening->gone);
	control_certificates_free(opening->certificates);
	text_done(&opening->unusable);
	text_done(&opening->error);
	sodium_memzero(opening, sizeof(*opening));
}
