/*
 * What the store is compared with: caches that evict single objects and have no other cost than
 * their bytes. A model says whether it had an object, and has it afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_model;

/* The least recently used goes first. */
struct sim_model *sim_model_new_lru(uint64_t capacity_bytes);

/* S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP
 * 2023): a small queue of 10 %, a main queue, and ghosts of as many bytes as main has. */
struct sim_model *sim_model_new_s3fifo(uint64_t capacity_bytes);

void sim_model_free(struct sim_model *model);

/* One request for an object of so many bytes; true for a hit. */
bool sim_model_ask(struct sim_model *model, uint64_t key, uint32_t bytes);
