/* SPDX-License-Identifier: MIT */
#include "profiler/options_rows.h"

#define INTO(field) offsetof(struct options, field)
#define RECORD      COMMAND_RECORD
#define DUMP        COMMAND_DUMP
#define BOTH        (COMMAND_RECORD | COMMAND_DUMP)
#define LS          COMMAND_LS
#define DOCTOR      COMMAND_DOCTOR
#define EXEC        COMMAND_EXEC
#define DEBUG       COMMAND_DEBUG
#define HEAP_DUMP   COMMAND_HEAP_DUMP
#define SUMMARY     COMMAND_HEAP_SUMMARY
#define HEAP_TABLES (COMMAND_HEAP_SUMMARY | COMMAND_HEAP_DIFF | COMMAND_HEAP_PATH)
#define HEAP_FILES  (COMMAND_HEAP_FLAME | COMMAND_HEAP_CONVERT)
#define HEAP        COMMANDS_OF_HEAP
#define ALL         (BOTH | LS | DOCTOR | EXEC | DEBUG | HEAP | HEAP_DUMP)

/* To add an option: its row here, and one more in options_rows.h; the parser, --help and the tests
 * follow from it. */
const struct option_row option_rows[] = {
	{ "pid", 'p', KIND_PID, BOTH | DOCTOR | EXEC | DEBUG | HEAP_DUMP, INTO(pid), "PID",
	  "the process, as `PID` alone" },
	{ "output", 'o', KIND_TEXT, RECORD, INTO(output), "FILE",
	  "write there; - is standard output; %p %t %n: pid, time, program" },
	{ "output", 'o', KIND_TEXT, DUMP, INTO(output), "FILE",
	  "write there, instead of standard output; %p %t %n: pid, time, program" },
	{ "output", 'o', KIND_TEXT, HEAP_FILES, INTO(output), "FILE",
	  "write there; - is standard output" },
	{ "format", 'f', KIND_TEXT, RECORD | COMMAND_HEAP_FLAME, INTO(format), "NAME",
	  "output format, see below; else by FILE's suffix" },
	{ "format", 'f', KIND_TEXT, COMMAND_HEAP_CONVERT, INTO(format), "NAME",
	  "heapsnapshot or jsonl; else by FILE's suffix" },
	{ "limit", 'n', KIND_COUNT, HEAP_TABLES, INTO(limit), "N",
	  "show so many lines or ways, the most important ones" },
	{ "sort", 's', KIND_TEXT, SUMMARY, INTO(sort), "COLUMN",
	  "which types are the most important: by retained (default), size or count" },
	{ "duration", 'd', KIND_DURATION, RECORD, INTO(duration_ns), "TIME",
	  "stop after 500ms, 10s, 2m; else at the target's end or Ctrl-C" },
	{ "rate", 'r', KIND_RATE, RECORD, INTO(rate), "HZ",
	  "samples a second of each thread: 100, 10k, max (default 1000)" },
	{ "threads", 't', KIND_FLAG, RECORD, INTO(view.threads), NULL, "tell threads apart" },
	{ "function", 'F', KIND_FLAG, BOTH, INTO(view.functions), NULL,
	  "a function's lines as one: show where it begins" },
	{ "idle", 'i', KIND_FLAG, RECORD, INTO(view.idle), NULL,
	  "also show threads that were idle" },
	{ "mode", 0, KIND_TEXT, RECORD, INTO(mode), "MODE",
	  "show only: wall (all), cpu (on a CPU), gil (held it), exception (raised or handled)" },
	{ "gil", 'g', KIND_FLAG, BOTH, INTO(gil), NULL, "only show what held the GIL" },
	{ "no-gc", 0, KIND_FLAG, RECORD, INTO(view.no_gc), NULL,
	  "garbage collections are not frames of their own" },
	{ "blocking", 0, KIND_FLAG, BOTH, INTO(blocking), NULL,
	  "stop the target for each sample: exact, but it is felt" },
	{ "heap-dump", 0, KIND_LIST, RECORD, INTO(heap_dumps), "WHEN",
	  "a heap dump meanwhile: start, end, 5s, rss>2G; may be repeated" },
	{ "heap-format", 0, KIND_TEXT, RECORD, INTO(heap_format), "NAME",
	  "of these dumps: heapsnapshot (default), psheap, jsonl" },
	{ "output", 'o', KIND_TEXT, HEAP_DUMP, INTO(output), "FILE",
	  "write there; - is standard output; %p %t %n: pid, time, program" },
	{ "format", 'f', KIND_TEXT, HEAP_DUMP, INTO(format), "NAME",
	  "heapsnapshot, psheap or jsonl; else by FILE's suffix" },
	{ "in-process", 0, KIND_FLAG, HEAP_DUMP, INTO(in_process), NULL,
	  "make no copy: the process itself walks, and stands meanwhile" },
	{ "values", 0, KIND_FLAG, HEAP_DUMP, INTO(values), NULL,
	  "also what is in strings and numbers: mind secrets" },
	{ "all", 'a', KIND_FLAG, LS, INTO(all), NULL,
	  "search every process, also those without a sign of Python: slow" },
	{ "code", 'c', KIND_TEXT, EXEC, INTO(code), "CODE", "run CODE instead of a script" },
	{ "thread", 0, KIND_TEXT, EXEC | DEBUG, INTO(thread), "WHICH",
	  "in which thread: any that executes Python (default), main, or a thread's id" },
	{ "timeout", 0, KIND_DURATION, EXEC, INTO(timeout_ns), "TIME",
	  "give up if it is not picked up, or then not done, in that time; see above" },
	{ "timeout", 0, KIND_DURATION, DEBUG | HEAP_DUMP, INTO(timeout_ns), "TIME",
	  "give up if it is not picked up in that time (default 10s)" },
	{ "detach", 0, KIND_FLAG, EXEC, INTO(detach), NULL,
	  "return as soon as it runs; its output goes where the target's goes" },
	{ "wake", 0, KIND_FLAG, EXEC | DEBUG, INTO(wake), NULL,
	  "stop and continue the target until it is picked up: ends waits for events early" },
	{ "verbose", 'v', KIND_FLAG, BOTH | EXEC, INTO(verbose), NULL,
	  "say more about what is done" },
	{ "json", 'j', KIND_FLAG, LS | DOCTOR | SUMMARY, INTO(json), NULL,
	  "JSON for programs to read" },
	{ "quiet", 'q', KIND_FLAG, BOTH | LS | DEBUG | HEAP | HEAP_DUMP, INTO(quiet), NULL,
	  "no words but errors" },
	{ "help", 'h', KIND_FLAG, ALL, INTO(help), NULL, "this text" },
	{ "version", 'V', KIND_FLAG, ALL, INTO(version), NULL, "print the version" },
};

const struct option_command option_commands[] = {
	{ "record", COMMAND_RECORD,
	  "pysample record [OPTIONS] PID\n"
	  "       pysample record [OPTIONS] -- CMD ARG...",
	  "Samples a running Python, or starts CMD and samples it, and writes a flamegraph.\n"
	  "It only reads the target's memory: the target is not stopped and not changed." },
	{ "dump", COMMAND_DUMP, "pysample dump [OPTIONS] PID",
	  "Prints the stack of every thread once, the innermost call first." },
	{ "ls", COMMAND_LS, "pysample ls [OPTIONS]",
	  "Lists the Python processes of this machine: which Python, whose, and whether they can\n"
	  "be sampled and code be run in them, or why not." },
	{ "doctor", COMMAND_DOCTOR, "pysample doctor [OPTIONS] PID",
	  "Tests one by one what could keep pysample from that process, and says what helps.\n"
	  "Changes nothing. Exit code 0: it can be sampled; else that with which record would "
	  "fail." },
	{ "exec", COMMAND_EXEC,
	  "pysample exec [OPTIONS] PID SCRIPT [ARG...]\n"
	  "       pysample exec [OPTIONS] PID -c CODE [ARG...]",
	  "Runs Python code inside a running Python, and brings back what it prints and raises.\n"
	  "This changes the target: one of its threads is interrupted between two bytecodes, runs\n"
	  "the script as __main__ in a namespace of its own (ARGs are in __args__; sys.argv stays\n"
	  "the program's), and goes on. SCRIPT - is standard input.\n"
	  "\n"
	  "A thread that is blocked in a system call picks it up once that returns. After 10 s\n"
	  "(--timeout) it is withdrawn. How long it may run is not limited, unless --timeout is\n"
	  "given. Exit code 0: it ran; 1: it raised, or did not end; 3: it did not run; 4: it is\n"
	  "not permitted." },
	{ "debug", COMMAND_DEBUG, "pysample debug [OPTIONS] PID",
	  "Opens pdb, Python's own debugger, in a thread of a running Python, on this terminal.\n"
	  "The thread is stopped where it is; the others run on. `c` lets it run on, and Ctrl-C\n"
	  "stops it again. After `q`, Ctrl-D, or any other end of pysample, the program goes on "
	  "as\n"
	  "it was. Commands may also come from a pipe. --timeout (10s) is for the thread to stop.\n"
	  "Exit code 0: left; 1: it failed; 3: not stopped, or the program ended; 4: not "
	  "permitted." },
	{ "heap dump", COMMAND_HEAP_DUMP, "pysample heap dump [OPTIONS] PID",
	  "Writes all objects of a Python process, with what refers to what, for Chrome's "
	  "DevTools\n"
	  "or for the verbs below. The process forks, and the copy is looked at: it stands for\n"
	  "milliseconds. It runs code in the process, as exec does." },
	{ "heap summary", COMMAND_HEAP_SUMMARY, "pysample heap summary [OPTIONS] FILE",
	  "Tells what is in a heap dump: the types of its objects, how many there are, their own\n"
	  "size, and what they retain, that is what would be freed with them." },
	{ "heap diff", COMMAND_HEAP_DIFF, "pysample heap diff [OPTIONS] BEFORE AFTER",
	  "Tells what grew from one heap dump of a process to a later one, and what keeps it." },
	{ "heap path", COMMAND_HEAP_PATH, "pysample heap path [OPTIONS] FILE TYPE|ID",
	  "Tells why objects are alive: the shortest ways from a root to one object, or to the\n"
	  "objects of a type." },
	{ "heap flame", COMMAND_HEAP_FLAME, "pysample heap flame [OPTIONS] FILE",
	  "Writes a flamegraph of retained sizes: each frame stands for what would be freed with "
	  "it." },
	{ "heap convert", COMMAND_HEAP_CONVERT, "pysample heap convert [OPTIONS] FILE -o OUTPUT",
	  "Writes a heap dump in another format: .heapsnapshot for Chrome's DevTools, VS Code and\n"
	  "memlab, or .jsonl, a line of JSON for each object." },
};
