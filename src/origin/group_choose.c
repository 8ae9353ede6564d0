/*
 * Each entry is judged by the best of its candidates (blocked, tried, without a route), the policy
 * picks an entry, the rotation a candidate. A block that is over needs the lease; whoever does not
 * get it takes the candidate as blocked and chooses again, so the loop ends.
 *
 * Other threads change states at any moment. What look_at has found holds for the rest of a choice.
 */
#include "base/hash.h"
#include "base/random.h"
#include "origin/group_private.h"
#include "origin/worker_private.h"

enum {
	NO_ROUTE_MS = 30000,
	LATENCY_HALF_MS = 10000, /* an old latency is believed half after this time, and so on */
	SHARE_WHOLE = 256,
};

/* How the entries stand for one choice. */
struct choice {
	struct origin_group *group;
	const struct origin_choose *options;
	uint8_t standings[LIMIT_ADDRESSES]; /* enum origin_polling_entry */
	uint16_t shares[LIMIT_ADDRESSES];
	/* Candidates of each entry, as bits: usable ones, those of them that need the lease, and
	 * those whose lease somebody else got. */
	uint16_t usable[LIMIT_ADDRESSES], on_probation[LIMIT_ADDRESSES], lost[LIMIT_ADDRESSES];
	unsigned candidates, blocked, no_route;
	uint64_t until_ms;                 /* the first end of a block, */
	struct origin_candidate *first;    /* and whose it is */
	struct origin_candidate *unrouted; /* one without a route */
};

static bool is_tried(const struct origin_choose *options, const struct address *address)
{
	for (unsigned i = 0; i < options->tried_count; i++)
		if (address_is_equal(&options->tried[i], address))
			return true;
	return false;
}

static bool has_no_route(
        const struct origin_group *group, const struct address *address, uint64_t now_ms)
{
	uint64_t later_ms = group->no_route_until_ms[0] > group->no_route_until_ms[1]
	                            ? group->no_route_until_ms[0]
	                            : group->no_route_until_ms[1];
	return now_ms < later_ms && now_ms < group->no_route_until_ms[address_is_v4(address)];
}

enum verdict { USABLE, ON_PROBATION, BLOCKED, TRIED, UNROUTED };

/* How one candidate stands. */
static enum verdict judge(const struct choice *choice, unsigned i, unsigned k, unsigned *ret_share,
        uint64_t *ret_until_ms)
{
	const struct origin_candidate *candidate = choice->group->entries[i].candidates[k];
	const struct origin_choose *options = choice->options;
	if (options->tried_count != 0 && is_tried(options, &candidate->address))
		return TRIED;
	enum origin_standing standing = origin_health_standing(
	        candidate->host, candidate->server, options->now_ms, ret_share, ret_until_ms);
	if (standing == ORIGIN_STANDING_TRIAL && (choice->lost[i] >> k & 1) != 0) {
		*ret_until_ms = options->now_ms;
		return BLOCKED;
	}
	if (standing == ORIGIN_STANDING_BLOCKED)
		return BLOCKED;
	if (has_no_route(choice->group, &candidate->address, options->now_ms))
		return UNROUTED;
	return standing == ORIGIN_STANDING_TRIAL ? ON_PROBATION : USABLE;
}

/* How an entry stands: by the best of its candidates. */
static void look_at(struct choice *choice, unsigned i)
{
	const struct origin_group_entry *entry = &choice->group->entries[i];
	unsigned best = 0, tried = 0;
	choice->usable[i] = choice->on_probation[i] = 0;
	for (unsigned k = 0; k < entry->count; k++) {
		unsigned share = SHARE_WHOLE;
		uint64_t until_ms = 0;
		choice->candidates++;
		switch (judge(choice, i, k, &share, &until_ms)) {
		case ON_PROBATION:
			choice->usable[i] |= (uint16_t)(1u << k);
			choice->on_probation[i] |= (uint16_t)(1u << k);
			best = SHARE_WHOLE;
			break;
		case USABLE:
			choice->usable[i] |= (uint16_t)(1u << k);
			if (share > best)
				best = share;
			break;
		case BLOCKED:
			choice->blocked++;
			if (choice->first == NULL || until_ms < choice->until_ms) {
				choice->first = entry->candidates[k];
				choice->until_ms = until_ms;
			}
			break;
		case TRIED:
			tried++;
			break;
		case UNROUTED:
			choice->no_route++;
			choice->unrouted = entry->candidates[k];
			break;
		}
	}
	choice->shares[i] = (uint16_t)best;
	if (best != 0)
		choice->standings[i] = ORIGIN_POLLING_USABLE;
	else
		choice->standings[i] =
		        tried != 0 ? ORIGIN_POLLING_LEFT_OUT : ORIGIN_POLLING_BLOCKED;
}

static void look_at_all(struct choice *choice)
{
	choice->candidates = choice->blocked = choice->no_route = 0;
	choice->first = choice->unrouted = NULL;
	choice->until_ms = 0;
	for (unsigned i = 0; i < choice->group->count; i++)
		look_at(choice, i);
}

/* The other policies have no turns to drop: an entry in slow start is passed over by chance, unless
 * there is nothing else. */
static void thin_out(struct choice *choice)
{
	unsigned whole = 0;
	for (unsigned i = 0; i < choice->group->count; i++)
		whole += choice->shares[i] == SHARE_WHOLE &&
		         choice->standings[i] == ORIGIN_POLLING_USABLE;
	if (whole == 0)
		return;
	for (unsigned i = 0; i < choice->group->count; i++)
		if (choice->shares[i] != SHARE_WHOLE &&
		        choice->standings[i] == ORIGIN_POLLING_USABLE &&
		        random_below(SHARE_WHOLE) >= choice->shares[i])
			choice->standings[i] = ORIGIN_POLLING_LEFT_OUT;
}

/* The latency as far as it still counts. Who was slow once is asked no more, and could not show
 * that it is fast again, if what is known of it did not fade. */
static uint32_t latency_of(const struct origin_candidate *candidate, uint64_t now_ms)
{
	uint64_t halvings = (now_ms - candidate->latency_at_ms) / LATENCY_HALF_MS;
	uint32_t latency_us = halvings < 32 ? candidate->latency_us >> halvings : 0;
	return latency_us == 0 && candidate->latency_us != 0 ? 1 : latency_us;
}

static int pick_least_load(const struct choice *choice)
{
	const struct origin_group *group = choice->group;
	uint32_t in_flight[LIMIT_ADDRESSES], latency_us[LIMIT_ADDRESSES];
	for (unsigned i = 0; i < group->count; i++) {
		const struct origin_group_entry *entry = &group->entries[i];
		uint64_t flying = 0, latency = 0;
		unsigned known = 0;
		for (unsigned k = 0; k < entry->count; k++) {
			flying += entry->candidates[k]->in_flight;
			uint32_t seen_us =
			        latency_of(entry->candidates[k], choice->options->now_ms);
			latency += seen_us;
			known += seen_us != 0;
		}
		in_flight[i] = flying < UINT32_MAX ? (uint32_t)flying : UINT32_MAX;
		latency_us[i] = known != 0 ? (uint32_t)(latency / known) : 0;
	}
	return origin_polling_least_load(
	        group->weights, group->count, choice->standings, in_flight, latency_us);
}

static int pick_entry(struct choice *choice)
{
	struct origin_group *group = choice->group;
	uint64_t seeds[LIMIT_ADDRESSES];
	switch ((enum model_policy)group->origin->policy) {
	case MODEL_POLLING:
		break;
	case MODEL_LEAST_LOAD:
		thin_out(choice);
		return pick_least_load(choice);
	case MODEL_HASH:
		thin_out(choice);
		for (unsigned i = 0; i < group->count; i++)
			seeds[i] = group->entries[i].seed;
		return origin_polling_hash(group->weights, group->count, choice->standings, seeds,
		        choice->options->key);
	}
	return origin_polling_draw(
	        &group->bag, group->weights, group->count, choice->standings, choice->shares);
}

/* How early the `k`th candidate of an entry comes in the rotation; under `hash` the key decides. */
static uint64_t order_of(
        const struct choice *choice, const struct origin_group_entry *entry, unsigned k)
{
	if (choice->group->origin->policy != MODEL_HASH)
		return (k + entry->count - entry->next) % entry->count;
	const struct address *address = &entry->candidates[k]->address;
	return hash_mix(hash_checksum(address, sizeof(*address)), choice->options->key);
}

/* Whether a candidate in slow start gives way to the others of its entry this time. */
static bool gives_way(const struct choice *choice, unsigned i, unsigned k)
{
	unsigned share;
	uint64_t until_ms;
	const struct origin_candidate *candidate = choice->group->entries[i].candidates[k];
	(void)origin_health_standing(
	        candidate->host, candidate->server, choice->options->now_ms, &share, &until_ms);
	return share < choice->shares[i] && random_below(choice->shares[i]) >= share;
}

/* The index of the candidate of a usable entry whose turn it is. What was found by look_at holds:
 * states may change at any moment, by other threads. */
static unsigned pick_candidate(const struct choice *choice, unsigned i)
{
	struct origin_group_entry *entry = &choice->group->entries[i];
	CHECK(choice->usable[i] != 0);
	if (entry->count == 1)
		return 0;
	int best = -1, last = -1;
	uint64_t best_order = 0;
	for (unsigned k = 0; k < entry->count; k++) {
		if ((choice->usable[i] >> k & 1) == 0)
			continue;
		last = (int)k;
		uint64_t order = order_of(choice, entry, k);
		if (gives_way(choice, i, k) || (best >= 0 && order >= best_order))
			continue;
		best = (int)k;
		best_order = order;
	}
	unsigned picked = (unsigned)(best >= 0 ? best : last);
	entry->next = (uint8_t)((picked + 1) % entry->count);
	return picked;
}

/* Why nothing was usable; may still choose something as a last resort. */
static enum origin_choice explain(
        const struct choice *choice, struct origin_candidate **ret_last, uint64_t *ret_until_ms)
{
	const struct origin_group *group = choice->group;
	unsigned weighted = 0;
	for (unsigned i = 0; i < group->count; i++) {
		const struct origin_group_entry *entry = &group->entries[i];
		weighted += group->weights[i] != 0;
		if (entry->name != NULL && entry->version == 0)
			return ORIGIN_RESOLVING;
	}
	if (weighted == 0)
		return ORIGIN_DRAINED;
	if (choice->candidates == 0)
		return ORIGIN_UNRESOLVED;
	if (choice->blocked != 0) {
		*ret_until_ms = choice->until_ms;
		*ret_last = choice->options->despite_block ? choice->first : NULL;
		return ORIGIN_ALL_BLOCKED;
	}
	*ret_last = choice->options->needs_route ? NULL : choice->unrouted;
	return ORIGIN_ALL_TRIED;
}

enum origin_choice origin_group_choose(struct origin_group *group,
        const struct origin_choose *options, struct origin_candidate **ret_candidate,
        bool *ret_is_trial, uint64_t *ret_until_ms)
{
	origin_group_refresh(group);
	struct choice choice;
	choice.group = group;
	choice.options = options;
	memset(choice.lost, 0, group->count * sizeof(choice.lost[0]));
	struct origin_candidate *candidate = NULL;
	bool is_trial = false;
	for (;;) {
		look_at_all(&choice);
		int i = pick_entry(&choice);
		if (i < 0)
			break;
		unsigned k = pick_candidate(&choice, (unsigned)i);
		candidate = group->entries[i].candidates[k];
		is_trial = (choice.on_probation[i] >> k & 1) != 0;
		if (!is_trial || origin_health_take_trial(
		                         candidate->host, candidate->server, options->now_ms))
			break;
		choice.lost[i] |= (uint16_t)(1u << k);
		candidate = NULL;
	}
	enum origin_choice result = ORIGIN_CHOSEN;
	if (candidate == NULL) {
		is_trial = false;
		result = explain(&choice, &candidate, ret_until_ms);
	}
	if (candidate == NULL)
		return result;
	origin_group_candidate_ref(candidate);
	*ret_candidate = candidate;
	*ret_is_trial = is_trial;
	return ORIGIN_CHOSEN;
}

void origin_group_note_no_route(const struct origin_candidate *candidate, uint64_t now_ms)
{
	candidate->group->no_route_until_ms[address_is_v4(&candidate->address)] =
	        now_ms + NO_ROUTE_MS;
}

/* Whether the block of a host or server is not lifted by a trial yet; then it moves *since_ms. */
static bool is_out(const struct origin_health_view *view, uint64_t *since_ms)
{
	if (view->state == ORIGIN_USABLE || view->state == ORIGIN_RAMPING)
		return false;
	if (view->blocked_since_ms > *since_ms)
		*since_ms = view->blocked_since_ms;
	return true;
}

bool origin_group_was_all_blocked(
        struct origin_group *group, uint64_t now_ms, uint64_t *ret_since_ms)
{
	origin_group_refresh(group);
	uint64_t since_ms = 0;
	unsigned blocked = 0;
	for (unsigned i = 0; i < group->count; i++) {
		const struct origin_group_entry *entry = &group->entries[i];
		for (unsigned k = 0; k < entry->count; k++) {
			const struct origin_candidate *candidate = entry->candidates[k];
			struct origin_health_view host, server;
			origin_health_view_host(candidate->host, now_ms, &host);
			origin_health_view_server(candidate->server, now_ms, &server);
			bool host_is_out = is_out(&host, &since_ms);
			if (is_out(&server, &since_ms) || host_is_out)
				blocked++;
			else if (!has_no_route(group, &candidate->address, now_ms))
				return false;
		}
	}
	if (blocked != 0)
		*ret_since_ms = since_ms;
	return blocked != 0;
}

bool origin_group_may_block(struct origin_group *group, uint64_t now_ms)
{
	if (group->role == MODEL_MASTER && group->domain->backup != NULL)
		return true;
	unsigned count = 0, blocked = 0;
	for (unsigned i = 0; i < group->count; i++) {
		const struct origin_group_entry *entry = &group->entries[i];
		for (unsigned k = 0; k < entry->count; k++) {
			struct origin_health_view view;
			origin_health_view_server(entry->candidates[k]->server, now_ms, &view);
			count++;
			blocked += view.state != ORIGIN_USABLE && view.state != ORIGIN_RAMPING;
		}
	}
	return (blocked + 1) * 2 <= count;
}

void origin_group_note_response(const struct origin_candidate *candidate, enum fault fault,
        uint64_t url_hash, uint64_t now_ms)
{
	if (fault == FAULT_NONE) {
		origin_health_note_response(candidate->server, fault, url_hash, false, now_ms);
		return;
	}
	struct origin_group *group = candidate->group;
	struct origin_health *health = origin_shared_health(group->worker->shared);
	origin_health_begin_deciding(health);
	bool may_block = origin_group_may_block(group, now_ms);
	origin_health_note_response(candidate->server, fault, url_hash, may_block, now_ms);
	origin_health_end_deciding(health);
}
