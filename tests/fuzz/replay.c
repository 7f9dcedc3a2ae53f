// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// main() of a fuzz target without a fuzzer: runs it once on each file named.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t size;

	if (!f) {
		perror(path);
		return 1;
	}
	// Exactly as much memory as the input has bytes, so that a byte read beyond it is found.
	data = malloc(INPUT_MAX);
	size = data ? fread(data, 1, INPUT_MAX, f) : 0;
	fclose(f);
	if (data && size != 0) {
		uint8_t *shrunk = realloc(data, size);

		data = shrunk ? shrunk : data;
		LLVMFuzzerTestOneInput(data, size);
	}
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		status |= replay(argv[i]);
	return status;
}
