/*
 * What the process does to itself because it holds secrets: no core, not dumpable, a locked heap
 * for credentials, a wiped stack, room for descriptors. It does not know which secrets there are.
 */
#pragma once

/* First thing in main(): /dev/null in the place of closed standard descriptors, no core dumps,
 * PR_SET_DUMPABLE 0, SSLKEYLOGFILE unset, umask 077, the soft NOFILE limit raised to the hard one,
 * SIGPIPE and SIGXFSZ ignored, OpenSSL's secure heap set up and given to core/secret. Logs a
 * warning for what could not be done. */
void harden_process(void);

/* Wipes what calls that have returned left on the stack below the caller: to be called after
 * libraries had secrets in their hands. (What they freed, wipe.c has wiped.) */
void harden_wipe_stack(void);
