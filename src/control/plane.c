/*
 * It makes its parts, and has the one word that all of them share: whether the store works.
 */
#include "control/plane.h"

#include "base/clock.h"
#include "base/limit.h"

void control_plane_init(struct control_plane *plane, struct control_domains_sink *sink)
{
	*plane = (struct control_plane){.rules = MODEL_CLASSIC};
	plane->metrics.began_ms = clock_wall_ms();
	CHECK(pthread_mutex_init(&plane->trouble_lock, NULL) == 0);
	plane->settings = control_settings_new();
	plane->domains = control_domains_new(sink);
	plane->certificates = control_certificates_new();
	plane->fleet = control_fleet_new(LIMIT_LINK_LEASE_MS);
	plane->health = control_health_new();
	plane->guard = control_guard_new();
	plane->throttle = control_throttle_new();
}

void control_plane_done(struct control_plane *plane)
{
	control_settings_free(plane->settings);
	control_domains_free(plane->domains);
	control_certificates_free(plane->certificates);
	control_fleet_free(plane->fleet);
	control_health_free(plane->health);
	control_guard_free(plane->guard);
	control_throttle_free(plane->throttle);
	text_done(&plane->trouble);
	pthread_mutex_destroy(&plane->trouble_lock);
}

enum model_rules control_plane_rules(const struct control_plane *plane)
{
	/* The choices of the setting are in the order of the enum. */
	struct control_setting_set set;
	control_settings_now(plane->settings, &set);
	if (plane->file != NULL || !set.is_set[CONTROL_SETTING_ORIGIN_RULES])
		return plane->rules;
	return (enum model_rules)set.values[CONTROL_SETTING_ORIGIN_RULES];
}

void control_plane_set_trouble(struct control_plane *plane, struct str words)
{
	CHECK(pthread_mutex_lock(&plane->trouble_lock) == 0);
	text_clear(&plane->trouble);
	text_add(&plane->trouble, words);
	pthread_mutex_unlock(&plane->trouble_lock);
}

bool control_plane_has_trouble(struct control_plane *plane, struct text *to)
{
	CHECK(pthread_mutex_lock(&plane->trouble_lock) == 0);
	bool has = plane->trouble.len != 0;
	text_add(to, text_str(&plane->trouble));
	pthread_mutex_unlock(&plane->trouble_lock);
	return has;
}
