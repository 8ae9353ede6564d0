/*
 * What the operations of the API do (route.def): each has a call, and leaves an answer in it. They
 * run on the threads of their lanes.
 */
#pragma once

#include "control/call.h"

#define ROUTE(id, method, path, role, lane, body, queries, words)                                  \
	void control_api_##id(struct control_call *call);
#include "control/route.def"
#undef ROUTE
