/*
 * The daemon's answers as lines and tables for people. It does not know how the answers came, nor
 * which arguments asked for them. Text from outside stands in it escaped and cut.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The following take a reply's data and write it for people; now_ms is the wall clock in
 * milliseconds since 1970. Members that are missing or null show as "-".
 */
typedef void show_data(FILE *out, const cJSON *data, int64_t now_ms);

/* auth.getTokenInfo as some aligned lines, or, for auth.refresh, as one. */
show_data show_info;
show_data show_summary;

/* system.getStatus as a line on the daemon and a table of the profiles. In colours if stdout is a
 * terminal that has them and the user wants them (https://no-color.org). */
show_data show_status;

/* system.explain: who is judged, what each rule says, and what that grants. */
show_data show_explain;

/* system.getAllowedServices as a list. */
show_data show_services;

/* An event, as the whole line that told it, in one line with the local time. */
show_data show_event;
