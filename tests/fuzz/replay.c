/*
 * Gives a fuzz target each file of a corpus directory once, so that the corpus is an ordinary test
 * with any compiler.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { INPUT_MAX = 1024 * 1024 /* bytes of one file of the corpus */ };

/* Replays one file; says what is wrong and ends when it cannot be read. */
static void replay(const char *path)
{
	/* A block of just its size, so that the sanitizers see what is read behind it. */
	static uint8_t input[INPUT_MAX];
	FILE *file = fopen(path, "re");
	size_t size;
	uint8_t *data;

	if (!file) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = fread(input, 1, sizeof(input), file);
	if (ferror(file) || !feof(file)) {
		fprintf(stderr, "%s: cannot be read whole\n", path);
		exit(EXIT_FAILURE);
	}
	fclose(file);
	data = malloc(size);
	if (size > 0) {
		memcpy(data, input, size);
	}
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(int argc, char *argv[])
{
	struct dirent **entries;
	int count, replayed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	count = scandir(argv[1], &entries, NULL, alphasort);
	if (count < 0) {
		perror(argv[1]);
		return EXIT_FAILURE;
	}
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
			replay(path);
			replayed++;
		}
		free(entries[i]);
	}
	free(entries);
	/* A corpus that was not found would else pass. */
	if (replayed == 0) {
		fprintf(stderr, "%s: no file\n", argv[1]);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
