/*
 * What a process writes, kept on disk until somebody reads it: records { stream, microseconds since the epoch, size,
 * data } in segments, of which the oldest go first. An offset counts from the first segment on, so that a reader finds
 * its place again. A record lies in one segment.
 */
#define _GNU_SOURCE
#include "agent.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS 4
#define MIN_SEGMENT (1u << 20)
#define MAX_SEGMENT (1u << 30)
#define RECORD_HEADER 13
#define MAX_RECORD 16384
#define MAX_ANSWER (MAX_PAYLOAD - 512)

struct output {
  char folder[256];
  int file;
  uint64_t segment;
  /* Bytes that a segment has room for. */
  uint32_t room;
  /* Bytes in the newest segment. */
  uint32_t size;
  /* Bytes of each kept segment. */
  uint32_t sizes[SEGMENTS];
};

static void path_of(const struct output *output, uint64_t segment, char *path, size_t room) {
  snprintf(path, room, "%s/%llu", output->folder, (unsigned long long)segment);
}

static void open_segment(struct output *output, uint64_t segment) {
  char path[300];
  if (output->file >= 0) close(output->file);
  if (segment >= SEGMENTS) {
    path_of(output, segment - SEGMENTS, path, sizeof path);
    unlink(path);
  }
  path_of(output, segment, path, sizeof path);
  output->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  output->segment = segment;
  output->size = 0;
}

struct output *output_open(const char *folder, uint64_t capacity) {
  struct output *output = calloc(1, sizeof *output);
  if (!output) return NULL;
  snprintf(output->folder, sizeof output->folder, "%s", folder);
  uint64_t room = capacity / (SEGMENTS - 1) + 1;
  output->room = room < MIN_SEGMENT ? MIN_SEGMENT : room > MAX_SEGMENT ? MAX_SEGMENT : room;
  make_directories(folder, 0700);
  output->file = -1;
  open_segment(output, 0);
  return output;
}

void output_close(struct output *output) {
  if (output->file >= 0) close(output->file);
  remove_tree(AT_FDCWD, output->folder);
  free(output);
}

uint64_t output_size(const struct output *output) { return output->segment * output->room + output->size; }

void output_write(struct output *output, int stream, const char *data, size_t size) {
  char record[RECORD_HEADER + MAX_RECORD];
  if (size > MAX_RECORD) size = MAX_RECORD;
  uint32_t length = size, whole = RECORD_HEADER + length;
  uint64_t at = now_microseconds();
  record[0] = stream;
  memcpy(record + 1, &at, 8);
  memcpy(record + 9, &length, 4);
  memcpy(record + RECORD_HEADER, data, size);
  if (output->size + whole > output->room) open_segment(output, output->segment + 1);
  ssize_t written = write(output->file, record, whole);
  /* A full disk costs output, not the process that writes it. */
  if (written != (ssize_t)whole) {
    if (written > 0 && ftruncate(output->file, output->size) != 0) return;
    return;
  }
  output->size += whole;
  output->sizes[output->segment % SEGMENTS] = output->size;
}

int output_answer(struct output *output, ticket id, uint64_t offset, int ended) {
  static char data[MAX_ANSWER];
  uint64_t oldest = output->segment >= SEGMENTS ? (output->segment - SEGMENTS + 1) : 0;
  uint64_t segment = offset / output->room, at = offset % output->room;
  if (segment < oldest) segment = oldest, at = 0;
  while (segment < output->segment && at >= output->sizes[segment % SEGMENTS]) segment++, at = 0;
  int here = segment == output->segment && at >= output->size;
  if (segment > output->segment || (here && !ended)) return 0;
  ssize_t got = 0;
  if (!here) {
    char path[300];
    path_of(output, segment, path, sizeof path);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    got = file < 0 ? 0 : pread(file, data, sizeof data, at);
    if (file >= 0) close(file);
    if (got < 0) got = 0;
  }
  answer_begin(id, "ok");
  answer_number(segment * output->room + at);
  answer_text(here ? "end" : "");
  answer_word(data, got);
  answer_end();
  return 1;
}
