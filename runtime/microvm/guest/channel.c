/* The port to the host: frames in, frames out. */
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

static int port = -1;
static char input[HEADER + MAX_PAYLOAD + TRAILER];
static size_t filled;

/* What the host has not taken yet; grows with what it asks for. */
static char *output;
static size_t output_start, output_end, output_room;
/* Where the answer that is being written begins. */
static size_t answer_at;

static uint32_t number_at(const char *bytes) {
  uint32_t number;
  memcpy(&number, bytes, 4);
  return number;
}

/* Ports appear a moment after their driver was loaded. */
void channel_open(void) {
  while (port < 0) {
    DIR *devices = opendir("/sys/class/virtio-ports");
    struct dirent *entry;
    while (devices && port < 0 && (entry = readdir(devices))) {
      char path[300];
      if (strncmp(entry->d_name, "vport", 5) != 0) continue;
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (devices) closedir(devices);
    if (port < 0) usleep(1000);
  }
}

int channel_fd(void) { return port; }

short channel_events(void) { return POLLIN | (output_end > output_start ? POLLOUT : 0); }

void channel_reset(void) { output_start = output_end = answer_at = 0; }

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

/* Handles the first frame of `input`; returns how many bytes are done with, 0 when more must come first. */
static size_t take_frame(void (*handle)(struct request *)) {
  static struct request request;
  /* What is no beginning of a frame is passed over. */
  if (filled >= 4 && number_at(input) != MAGIC) return 1;
  if (filled < HEADER) return 0;
  size_t size = number_at(input + 4);
  if (size > MAX_PAYLOAD) return 4;
  if (filled < HEADER + size + TRAILER) return 0;
  request.id = number_at(input + 8);
  /* Without its end a frame was cut off: an earlier host died over it. */
  if (number_at(input + HEADER + size) == MAGIC && split(input + HEADER, size, &request)) handle(&request);
  return HEADER + size + TRAILER;
}

static void take_frames(void (*handle)(struct request *)) {
  size_t done = 0, step;
  do {
    /* Zeros, in one go. */
    while (done < filled && input[done] == 0) done++;
    memmove(input, input + done, filled - done);
    filled -= done;
    done = step = take_frame(handle);
  } while (step > 0);
}

void channel_ready(short events, void (*handle)(struct request *)) {
  if (events & POLLIN) {
    ssize_t got = read(port, input + filled, sizeof input - filled);
    if (got > 0) {
      filled += got;
      take_frames(handle);
    }
  }
  if (events & POLLHUP) {
    /* Nobody is there; a poll would return at once again and again. */
    usleep(10000);
  }
  while (output_end > output_start) {
    ssize_t sent = write(port, output + output_start, output_end - output_start);
    if (sent <= 0) break;
    output_start += sent;
  }
  if (output_start == output_end) output_start = output_end = 0;
}

static void put(const void *bytes, size_t size) {
  if (output_end + size > output_room) {
    output_room = 2 * (output_end + size) + MAX_PAYLOAD;
    output = realloc(output, output_room);
    if (!output) abort();
  }
  memcpy(output + output_end, bytes, size);
  output_end += size;
}

static void put_number(uint32_t number) { put(&number, 4); }

void answer_begin(uint32_t id, const char *status) {
  answer_at = output_end;
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
  uint32_t size = output_end - answer_at - HEADER;
  memcpy(output + answer_at + 4, &size, 4);
  put_number(MAGIC);
}

void answer_ok(uint32_t id) {
  answer_begin(id, "ok");
  answer_end();
}

void answer_error(uint32_t id, const char *what) {
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
