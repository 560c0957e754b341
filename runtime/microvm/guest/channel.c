/* The lines to the host: frames in, frames out. */
#define _GNU_SOURCE
#include "agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER 12
#define TRAILER 4

static struct line {
  int port;
  char input[HEADER + MAX_PAYLOAD + TRAILER];
  size_t filled;
  /* What the host has not taken yet; grows with what it asks for. */
  char *output;
  size_t start, end, room;
} lines[LINES];

/* The answer that is being written, and where it begins. */
static struct line *answering;
static size_t answer_at;

static uint32_t number_at(const char *bytes) {
  uint32_t number;
  memcpy(&number, bytes, 4);
  return number;
}

/* Ports appear a moment after their driver was loaded. Their names are told by it too. */
static int open_port(int number) {
  char path[300], wanted[32];
  snprintf(wanted, sizeof wanted, "line-%d\n", number);
  DIR *devices = opendir("/sys/class/virtio-ports");
  struct dirent *entry;
  int port = -1;
  while (devices && port < 0 && (entry = readdir(devices))) {
    char name[32] = "";
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    if (read(file, name, sizeof name - 1) > 0 && strcmp(name, wanted) == 0) {
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    close(file);
  }
  if (devices) closedir(devices);
  return port;
}

void channel_open(void) {
  for (int number = 0; number < LINES; number++)
    while ((lines[number].port = open_port(number)) < 0) usleep(1000);
}

int channel_fd(int line) { return lines[line].port; }

short channel_events(int line) { return POLLIN | (lines[line].end > lines[line].start ? POLLOUT : 0); }

int line_of(ticket id) { return id >> 32; }

void channel_reset(int line) { lines[line].start = lines[line].end = answer_at = 0; }

static int split(char *payload, size_t size, struct request *request) {
  request->count = 0;
  for (size_t at = 0; at < size;) {
    if (size - at < 4 || request->count == MAX_WORDS) return 0;
    size_t length = number_at(payload + at);
    if (length >= size - at - 4 || payload[at + 4 + length] != 0) return 0;
    request->words[request->count++] = (struct word){payload + at + 4, length};
    at += 4 + length + 1;
  }
  return request->count > 0;
}

/* Handles the first frame of the input; returns how many bytes are done with, 0 when more must come first. */
static size_t take_frame(struct line *line, void (*handle)(struct request *)) {
  static struct request request;
  char *input = line->input;
  /* What is no beginning of a frame is passed over. */
  if (line->filled >= 4 && number_at(input) != MAGIC) return 1;
  if (line->filled < HEADER) return 0;
  size_t size = number_at(input + 4);
  if (size > MAX_PAYLOAD) return 4;
  if (line->filled < HEADER + size + TRAILER) return 0;
  request.id = (ticket)(line - lines) << 32 | number_at(input + 8);
  /* Without its end a frame was cut off: an earlier host died over it. */
  if (number_at(input + HEADER + size) == MAGIC && split(input + HEADER, size, &request)) handle(&request);
  return HEADER + size + TRAILER;
}

static void take_frames(struct line *line, void (*handle)(struct request *)) {
  size_t done = 0, step;
  do {
    /* Zeros, in one go. */
    while (done < line->filled && line->input[done] == 0) done++;
    memmove(line->input, line->input + done, line->filled - done);
    line->filled -= done;
    done = step = take_frame(line, handle);
  } while (step > 0);
}

int channel_ready(int number, short events, void (*handle)(struct request *)) {
  struct line *line = &lines[number];
  ssize_t got = 0;
  if (events & POLLIN) {
    got = read(line->port, line->input + line->filled, sizeof line->input - line->filled);
    if (got > 0) {
      line->filled += got;
      take_frames(line, handle);
    }
  }
  while (line->end > line->start) {
    ssize_t sent = write(line->port, line->output + line->start, line->end - line->start);
    if (sent <= 0) break;
    line->start += sent;
  }
  if (line->start == line->end) line->start = line->end = 0;
  return got > 0;
}

static void put(const void *bytes, size_t size) {
  if (answering->end + size > answering->room) {
    answering->room = 2 * (answering->end + size) + MAX_PAYLOAD;
    answering->output = realloc(answering->output, answering->room);
    if (!answering->output) abort();
  }
  memcpy(answering->output + answering->end, bytes, size);
  answering->end += size;
}

static void put_number(uint32_t number) { put(&number, 4); }

void answer_begin(ticket id, const char *status) {
  answering = &lines[line_of(id)];
  answer_at = answering->end;
  put_number(MAGIC);
  put_number(0);
  put_number(id);
  answer_text(status);
}

void answer_word(const void *bytes, size_t size) {
  put_number(size);
  put(bytes, size);
  put("", 1);
}

void answer_text(const char *text) { answer_word(text, strlen(text)); }

void answer_number(long long number) {
  char text[32];
  snprintf(text, sizeof text, "%lld", number);
  answer_text(text);
}

void answer_end(void) {
  uint32_t size = answering->end - answer_at - HEADER;
  memcpy(answering->output + answer_at + 4, &size, 4);
  put_number(MAGIC);
}

void answer_ok(ticket id) {
  answer_begin(id, "ok");
  answer_end();
}

void answer_error(ticket id, const char *what) {
  int error = errno;
  answer_begin(id, "error");
  answer_number(error);
  answer_text(what);
  answer_text(strerror(error));
  answer_end();
}

const char *text_of(const struct request *request, int index) {
  return index < request->count ? request->words[index].bytes : "";
}

long long number_of(const struct request *request, int index) { return strtoll(text_of(request, index), NULL, 10); }
