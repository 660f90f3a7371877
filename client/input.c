#include "client/input.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/ending.h"
#include "client/output.h"
#include "client/print.h"
#include "proto/error.h"
#include "proto/escape.h"

enum { LINE_SIZE = INPUT_LINE_MAX + 2 /* with a byte that is too many, and NUL */ };

/* How the terminal was. */
struct terminal {
	struct termios before;
	struct sigaction stop;
};

/* Turns echo off, and lines: a terminal would cut them at 4095 bytes. False when standard input is
 * none. */
static bool terminal_begin(struct terminal *terminal)
{
	const struct sigaction ignoring = {.sa_handler = SIG_IGN};
	struct termios hidden;

	if (tcgetattr(STDIN_FILENO, &terminal->before) < 0) {
		return false;
	}
	sigaction(SIGTSTP, &ignoring, &terminal->stop); /* nobody's shell is left without echo */
	hidden = terminal->before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	hidden.c_cc[VMIN] = 1;
	hidden.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden);
	return true;
}

static void terminal_end(const struct terminal *terminal)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
	sigaction(SIGTSTP, &terminal->stop, NULL);
}

/* Takes in a character as a terminal that reads lines would. False: the line has ended. */
static bool take(const struct termios *keys, char c, char *line, size_t *len)
{
	if (c == '\n' || c == '\r' || (cc_t)c == keys->c_cc[VEOF]) {
		return false;
	}
	if ((cc_t)c == keys->c_cc[VERASE]) {
		*len -= *len > 0 ? 1 : 0;
	} else if ((cc_t)c == keys->c_cc[VKILL]) {
		*len = 0;
	} else {
		line[(*len)++] = c;
	}
	return true;
}

/* Returns a number of bytes, or -errno. */
static ssize_t read_some(char *text, size_t size)
{
	int r = ending_wait(STDIN_FILENO);
	ssize_t n = r == 0 ? read(STDIN_FILENO, text, size) : r;

	return r == 0 && n < 0 ? -errno : n;
}

/* Up to INPUT_LINE_MAX + 1 bytes. Returns 0, or -errno. */
static int read_terminal(const struct termios *keys, char *line, size_t *len)
{
	char c = '\0';

	while (*len <= INPUT_LINE_MAX) {
		ssize_t n = read_some(&c, 1);

		if (n < 0) {
			return (int)n;
		}
		if (n == 0 || !take(keys, c, line, len)) {
			return 0;
		}
	}
	return 0;
}

static int read_pipe(char *line, size_t *len)
{
	while (*len <= INPUT_LINE_MAX) {
		ssize_t n = read_some(line + *len, INPUT_LINE_MAX + 1 - *len);
		char *end;

		if (n <= 0) {
			return (int)n;
		}
		end = memchr(line + *len, '\n', (size_t)n);
		if (end) {
			*len = (size_t)(end - line);
			return 0;
		}
		*len += (size_t)n;
	}
	return 0;
}

static int read_line(const char *prompt, char *line, size_t *len)
{
	struct terminal terminal;
	int r;

	ending_hold();
	if (terminal_begin(&terminal)) {
		print_prompt(prompt);
		r = read_terminal(&terminal.before, line, len);
		print_prompt("\n");
		terminal_end(&terminal);
	} else {
		r = read_pipe(line, len);
	}
	ending_release();
	return r;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Moves a text to the front without the blanks around it; returns its length. */
static size_t trim(char *text, size_t len)
{
	size_t begin = 0;

	while (begin < len && is_blank(text[begin])) {
		begin++;
	}
	while (len > begin && is_blank(text[len - 1])) {
		len--;
	}
	memmove(text, text + begin, len - begin);
	return len - begin;
}

void input_free(char **line)
{
	if (*line) {
		explicit_bzero(*line, LINE_SIZE);
		free(*line);
	}
}

int input_line(const char *prompt, const char *what, char **ret_line)
{
	__attribute__((cleanup(input_free))) char *line = calloc(1, LINE_SIZE);
	size_t len = 0;
	int r;

	if (!line) {
		return output_fail_memory();
	}
	r = read_line(prompt, line, &len);
	if (r == 0 && len <= INPUT_LINE_MAX) {
		len = trim(line, len);
		if (len > 0 && !memchr(line, '\0', len) && escape_is_utf8(line, len)) {
			line[len] = '\0';
			*ret_line = line;
			line = NULL;
			return EXIT_STATUS_DONE;
		}
	}
	if (r == -EINTR) {
		return EXIT_STATUS_FAILURE;
	}
	if (r < 0) {
		print_error("cannot read %s from standard input: %s", what, strerror(-r));
	} else {
		print_error(
			"no %s on standard input: that would be a line of 1 to %d bytes of text",
			what, INPUT_LINE_MAX);
	}
	return EXIT_STATUS_FAILURE;
}
