/*
 * What libFuzzer and the replay of the corpus call: one input, given to the code under test. A
 * target fails by an assertion, so it must not be built with NDEBUG.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
