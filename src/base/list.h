/*
 * Intrusive doubly linked lists with a head. A node that is all-zero, or was removed, is in no
 * list. Not thread-safe. Pure.
 */
#pragma once

#include "base/check.h"

#include <stdbool.h>

struct list_node {
	struct list_node *next, *prev;
};

/* A head is a node that points at itself when the list is empty. */
struct list {
	struct list_node head;
};

static inline void list_init(struct list *list)
{
	list->head.next = list->head.prev = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->head.next == &list->head;
}

static inline bool list_has(const struct list_node *node)
{
	return node->next != NULL;
}

static inline void list_add_last(struct list *list, struct list_node *node)
{
	CHECK(node->next == NULL);
	node->prev = list->head.prev;
	node->next = &list->head;
	list->head.prev->next = node;
	list->head.prev = node;
}

static inline void list_add_first(struct list *list, struct list_node *node)
{
	CHECK(node->next == NULL);
	node->next = list->head.next;
	node->prev = &list->head;
	list->head.next->prev = node;
	list->head.next = node;
}

/* Takes the node out of whatever list it is in; nothing happens when it is in none. */
static inline void list_remove(struct list_node *node)
{
	if (node->next == NULL)
		return;
	node->next->prev = node->prev;
	node->prev->next = node->next;
	node->next = node->prev = NULL;
}

/* The first node, or NULL. */
static inline struct list_node *list_first(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->head.next;
}

/* The last node, or NULL. */
static inline struct list_node *list_last(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->head.prev;
}

/* The node behind `node`, or NULL at the end. */
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
	return node->next == &list->head ? NULL : node->next;
}

/* Takes the first node out and returns it, or NULL. */
static inline struct list_node *list_take_first(struct list *list)
{
	struct list_node *node = list_first(list);
	if (node != NULL)
		list_remove(node);
	return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->head.next->prev = to->head.prev;
	to->head.prev->next = from->head.next;
	from->head.prev->next = &to->head;
	to->head.prev = from->head.prev;
	list_init(from);
}

/* Visits each node; the body must not remove any node but may not add behind the end either. */
#define list_each(node, list)                                                                      \
	for (struct list_node *node = (list)->head.next; node != &(list)->head; node = node->next)

/* Visits each node; the body may remove the visited one. */
#define list_each_safe(node, following, list)                                                      \
	for (struct list_node *node = (list)->head.next, *following = node->next;                  \
	        node != &(list)->head; node = following, following = node->next)
