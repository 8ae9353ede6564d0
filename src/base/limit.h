/*
 * The fixed limits, one row each in limit.def (docs/limits.md is made from it). What an operator
 * may change is a setting (main/settings.def) or a field of a domain (model/field.def) instead.
 */
#pragma once

enum limit {
#define LIMIT(id, value, unit, words) LIMIT_##id = (value),
#include "base/limit.def"
#undef LIMIT
};
