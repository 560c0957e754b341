/*
 * The agent in a virtual machine: it is process 1 and does the small things that its host asks for. It decides nothing:
 * what a container is, is written in TypeScript on the host.
 *
 * The channel is a virtio port. A frame is { magic, size of the payload, id } as little-endian 32-bit numbers, the
 * payload, and the magic once more. A payload is a list of words, each { size, bytes, 0 }. The first word of a request
 * is its verb; the first word of an answer is "ok" or "error". Answers may come in another order than requests.
 * Between frames, zeros mean nothing. There are two lines, so that a second host can speak while a first one does.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAGIC 0x4d56534cu
#define MAX_PAYLOAD 65536
#define MAX_WORDS 512
#define LINES 2

/* Which request an answer is for: its id, and above it the number of the line that it came by. */
typedef uint64_t ticket;

struct word {
  const char *bytes;
  size_t size;
};

struct request {
  ticket id;
  int count;
  struct word words[MAX_WORDS];
};

/* channel.c */
void channel_open(void);
int channel_fd(int line);
short channel_events(int line);
/* 1: something came. */
int channel_ready(int line, short events, void (*handle)(struct request *));
int line_of(ticket id);
/* Forgets everything that an earlier host has not read yet. */
void channel_reset(int line);
void answer_begin(ticket id, const char *status);
void answer_word(const void *bytes, size_t size);
void answer_text(const char *text);
void answer_number(long long number);
void answer_end(void);
void answer_ok(ticket id);
/* With the words of errno. */
void answer_error(ticket id, const char *what);

/* Word `index` of a request as text, "" where it is absent. */
const char *text_of(const struct request *request, int index);
long long number_of(const struct request *request, int index);

/* boot.c */
void boot(void);
/* Into the kernel; one that is there already is no error. */
int load_module(const char *path);

/* files.c: 1 when the verb was theirs. */
int files_handle(struct request *request);
/* The program's own other uses. */
int fill_main(const char *root, const char *path, const char *to);
int make_directories(const char *path, mode_t mode);

/* volumes.c: another use of the program. */
int volumes_main(int count, char **words);

/* system.c */
int system_handle(struct request *request);

/* process.c */
int process_handle(struct request *request);
/* Adds what is to be polled; returns how many. */
struct pollfd;
int process_poll(struct pollfd *polls, int room);
void process_ready(const struct pollfd *polls, int count);
void process_ended(pid_t pid, int status);
void process_forget_host(int line);
long long now_microseconds(void);
/* Of the clock that never jumps. */
long long steady_microseconds(void);

/* output.c */
struct output;
/* Keeps the newest `capacity` bytes at least. */
struct output *output_open(const char *folder, uint64_t capacity);
void output_close(struct output *output);
/* stream: 1 stdout, 2 stderr */
void output_write(struct output *output, int stream, const char *data, size_t size);
/* Answers with { next offset, "" or "end", records }; 0: there is nothing yet. */
int output_answer(struct output *output, ticket id, uint64_t offset, int ended);
uint64_t output_size(const struct output *output);

/* copy.c */
int copy_tree(int from, int to);
int remove_tree(int parent, const char *name);

/* pause.c: reaps what is orphaned, as the first process of a process namespace. */
int pause_main(void);
