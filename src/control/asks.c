/*
 * A question is a thing of its own, since it may outlive its thread's patience: it is with the
 * message to the loop, then in the list of those that an edge was asked, and its thread looks at it
 * under the lock. Who gives up first leaves it to the other one.
 */
#include "control/asks.h"

#include "base/list.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct control_asks {
	struct loop *loop;
	struct link_hub *hub; /* NULL: there is none yet */
	pthread_mutex_t lock;
	pthread_cond_t is_told;
	struct list asked; /* of edges */
	bool is_ending;
};

struct ask {
	struct list_node node; /* of those that an edge was asked */
	struct loop_message message;
	struct control_asks *asks;
	char *edge; /* NULL: any */
	const char *what;
	struct text question;
	uint64_t number; /* 0: nobody was asked */
	bool is_told, is_left;
	enum control_asked outcome;
	struct text answer, answerer;
};

static void lock(struct control_asks *asks)
{
	CHECK(pthread_mutex_lock(&asks->lock) == 0);
}

static void unlock(struct control_asks *asks)
{
	pthread_mutex_unlock(&asks->lock);
}

static void free_ask(struct ask *ask)
{
	list_remove(&ask->node);
	text_done(&ask->question);
	text_done(&ask->answer);
	text_done(&ask->answerer);
	mem_free(ask->edge);
	mem_free(ask);
}

struct control_asks *control_asks_new(struct loop *loop)
{
	struct control_asks *asks = mem_new(struct control_asks);
	pthread_condattr_t by_the_clock;
	asks->loop = loop;
	list_init(&asks->asked);
	CHECK(pthread_mutex_init(&asks->lock, NULL) == 0);
	CHECK(pthread_condattr_init(&by_the_clock) == 0);
	CHECK(pthread_condattr_setclock(&by_the_clock, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&asks->is_told, &by_the_clock) == 0);
	pthread_condattr_destroy(&by_the_clock);
	return asks;
}

void control_asks_end(struct control_asks *asks)
{
	if (asks == NULL)
		return;
	lock(asks);
	asks->is_ending = true;
	CHECK(pthread_cond_broadcast(&asks->is_told) == 0);
	unlock(asks);
}

void control_asks_free(struct control_asks *asks)
{
	if (asks == NULL)
		return;
	CHECK(list_is_empty(&asks->asked));
	pthread_cond_destroy(&asks->is_told);
	pthread_mutex_destroy(&asks->lock);
	mem_free(asks);
}

void control_asks_begin(struct control_asks *asks, struct link_hub *hub)
{
	asks->hub = hub;
}

/* Under the lock. */
static void tell(struct ask *ask, enum control_asked outcome)
{
	ask->is_told = true;
	ask->outcome = outcome;
	list_remove(&ask->node);
	CHECK(pthread_cond_broadcast(&ask->asks->is_told) == 0);
}

/* On the loop's thread. */
static void on_ask(struct loop_message *message)
{
	struct ask *ask = container_of(message, struct ask, message);
	struct control_asks *asks = ask->asks;
	lock(asks);
	if (ask->is_left) {
		free_ask(ask);
		unlock(asks);
		return;
	}
	if (asks->hub != NULL)
		ask->number = link_hub_ask(
		        asks->hub, ask->edge, str_of(ask->what), text_str(&ask->question));
	if (ask->number == 0)
		tell(ask, CONTROL_ASKED_NOBODY);
	else
		list_add_last(&asks->asked, &ask->node);
	unlock(asks);
}

void control_asks_note(
        struct control_asks *asks, const struct link_hub_edge *edge, const struct link_told *told)
{
	lock(asks);
	list_each_safe (node, following, &asks->asked) {
		struct ask *ask = container_of(node, struct ask, node);
		if (ask->number != told->number)
			continue;
		text_add(&ask->answerer, str_of(edge->id));
		text_add(&ask->answer, told->error.len != 0 ? told->error : told->answer);
		tell(ask, told->error.len != 0 ? CONTROL_ASKED_ERROR : CONTROL_ASKED_ANSWER);
	}
	unlock(asks);
}

/* ---- the thread that asks ---- */

static struct timespec after(uint32_t timeout_ms)
{
	struct timespec end;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	return end;
}

/* Under the lock: waits for the end of it; takes the outcome, or leaves it. */
static enum control_asked wait_for(struct ask *ask, struct control_ask *wanted)
{
	struct control_asks *asks = ask->asks;
	const struct timespec end = after(wanted->timeout_ms);
	int error = 0;
	while (!ask->is_told && !asks->is_ending && error == 0)
		error = pthread_cond_timedwait(&asks->is_told, &asks->lock, &end);
	CHECK(error == 0 || error == ETIMEDOUT);
	if (!ask->is_told) {
		/* Where the loop has not seen it, it will free it. */
		ask->is_left = true;
		if (ask->number != 0)
			free_ask(ask);
		return CONTROL_ASKED_LATE;
	}
	enum control_asked outcome = ask->outcome;
	text_add(&wanted->answer, text_str(&ask->answer));
	text_add(&wanted->answerer, text_str(&ask->answerer));
	free_ask(ask);
	return outcome;
}

enum control_asked control_asks_ask(struct control_asks *asks, struct control_ask *wanted)
{
	struct ask *ask = mem_new(struct ask);
	ask->asks = asks;
	ask->what = wanted->what;
	ask->edge = wanted->edge != NULL ? mem_copy(wanted->edge, strlen(wanted->edge)) : NULL;
	text_add(&ask->question, wanted->question);
	ask->message.on_receive = on_ask;
	lock(asks);
	loop_post(asks->loop, &ask->message);
	enum control_asked outcome = wait_for(ask, wanted);
	unlock(asks);
	return outcome;
}
