/*
 * What a step of a request or a fill says to its dispatcher.
 */
#pragma once

enum edge_turn {
	EDGE_GO,   /* run the next step now */
	EDGE_PARK, /* wait until something wakes the task */
	EDGE_END,  /* it is gone */
};
