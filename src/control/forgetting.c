/*
 * A part is one operation of the pool, so that whatever else waits for its threads gets its turn. A
 * store that does not work is asked again when the next one wakes us.
 */
#include "control/forgetting.h"

#include "base/clock.h"
#include "base/mem.h"

struct control_forgetting {
	struct loop *loop;
	struct disk *disk;
	struct control_settings *settings;
	struct store *store; /* NULL: it has not begun */
	struct disk_operation operation;
	bool is_running, is_ending;
	bool is_woken; /* while it ran: there may be more */
	bool is_done;  /* the thread's while it runs */
};

static void run(struct disk_operation *operation)
{
	struct control_forgetting *forgetting =
	        container_of(operation, struct control_forgetting, operation);
	uint64_t until_ms = control_settings_until_ms(
	        forgetting->settings, CONTROL_SETTING_HISTORY_DAYS, clock_wall_ms());
	forgetting->is_done = true;
	if (until_ms > 0 && store_history_expire(forgetting->store, until_ms,
	                            &forgetting->is_done) != STORE_DONE)
		forgetting->is_done = true;
}

static void go_on(struct control_forgetting *forgetting);

static void on_ran(struct disk_operation *operation)
{
	struct control_forgetting *forgetting =
	        container_of(operation, struct control_forgetting, operation);
	const bool has_more = !forgetting->is_done || forgetting->is_woken;
	forgetting->is_running = false;
	if (has_more)
		go_on(forgetting);
}

static void go_on(struct control_forgetting *forgetting)
{
	if (forgetting->is_ending || forgetting->store == NULL)
		return;
	forgetting->is_woken = false;
	forgetting->is_running = true;
	forgetting->operation =
	        (struct disk_operation){.verb = DISK_CALL, .call = run, .on_done = on_ran};
	disk_submit(forgetting->disk, forgetting->loop, &forgetting->operation);
}

struct control_forgetting *control_forgetting_new(
        struct loop *loop, struct disk *disk, struct control_settings *settings)
{
	struct control_forgetting *forgetting = mem_new(struct control_forgetting);
	forgetting->loop = loop;
	forgetting->disk = disk;
	forgetting->settings = settings;
	return forgetting;
}

void control_forgetting_begin(struct control_forgetting *forgetting, struct store *store)
{
	forgetting->store = store;
	control_forgetting_wake(forgetting);
}

void control_forgetting_wake(struct control_forgetting *forgetting)
{
	if (forgetting->is_running)
		forgetting->is_woken = true;
	else
		go_on(forgetting);
}

void control_forgetting_end(struct control_forgetting *forgetting)
{
	if (forgetting != NULL)
		forgetting->is_ending = true;
}

bool control_forgetting_is_busy(const struct control_forgetting *forgetting)
{
	return forgetting->is_running;
}

void control_forgetting_free(struct control_forgetting *forgetting)
{
	if (forgetting == NULL)
		return;
	CHECK(!forgetting->is_running);
	mem_free(forgetting);
}
