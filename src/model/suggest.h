/*
 * What was probably meant by a name that is not known. Pure.
 */
#pragma once

#include "base/str.h"

/* How many single letters must be changed, added, dropped or swapped with their neighbour to make
 * one name of the other; UINT_MAX for names that are too long to be one of ours. */
unsigned model_suggest_distance(struct str a, struct str b);

/* Distances below this one are near enough to suggest the other name. */
unsigned model_suggest_limit(struct str name);
