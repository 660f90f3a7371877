/*
 * Tells whose a connection from this machine is. It does not know what comes over it.
 */
#pragma once

#include <stdbool.h>

/*
 * Whether the program at the other end of a TCP connection within this machine runs as this user or
 * as root, by the table of the kernel. peer_port and own_port are the two ends of the connection;
 * one that its peer has closed is nobody's.
 */
bool owner_is_ours(int peer_port, int own_port);
