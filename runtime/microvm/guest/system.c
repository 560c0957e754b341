/* What a clone of a machine gets anew: its address, name, clock and randomness; and what its kernel lacks so far. */
#define _GNU_SOURCE
#include "agent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void set_address(struct sockaddr *at, uint32_t address) {
  struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr.s_addr = address};
  memcpy(at, &value, sizeof value);
}

static int set_flags(int any, short flags) {
  struct ifreq request = {.ifr_name = "eth0", .ifr_flags = flags};
  return ioctl(any, SIOCSIFFLAGS, &request);
}

/* mac, address, prefix length, gateway */
static int connect_network(const struct request *request) {
  struct ifreq interface = {.ifr_name = "eth0"};
  unsigned mac[6];
  if (sscanf(text_of(request, 1), "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) {
    errno = EINVAL;
    return -1;
  }
  uint32_t address = inet_addr(text_of(request, 2));
  uint32_t mask = htonl(~0u << (32 - number_of(request, 3)));
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return -1;
  set_flags(any, 0);
  interface.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  for (int at = 0; at < 6; at++) interface.ifr_hwaddr.sa_data[at] = mac[at];
  int failed = ioctl(any, SIOCSIFHWADDR, &interface);
  set_address(&interface.ifr_addr, address);
  failed = failed || ioctl(any, SIOCSIFADDR, &interface);
  set_address(&interface.ifr_netmask, mask);
  failed = failed || ioctl(any, SIOCSIFNETMASK, &interface) || set_flags(any, IFF_UP | IFF_RUNNING);
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  set_address(&route.rt_dst, 0);
  set_address(&route.rt_genmask, 0);
  set_address(&route.rt_gateway, inet_addr(text_of(request, 4)));
  failed = failed || ioctl(any, SIOCADDRT, &route);
  int error = errno;
  close(any);
  errno = error;
  return failed ? -1 : 0;
}

/* A clone would otherwise draw the same numbers as every other. */
static int seed(const struct word *bytes) {
  struct {
    struct rand_pool_info info;
    char data[256];
  } pool = {.info = {.entropy_count = 0}};
  if (bytes->size > sizeof pool.data) return errno = EINVAL, -1;
  pool.info.entropy_count = bytes->size * 8;
  pool.info.buf_size = bytes->size;
  memcpy(pool.info.buf, bytes->bytes, bytes->size);
  int file = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  if (file < 0) return -1;
  int failed = ioctl(file, RNDADDENTROPY, &pool) != 0 || ioctl(file, RNDRESEEDCRNG) != 0;
  close(file);
  return failed ? -1 : 0;
}

/* Microseconds since the epoch. A few milliseconds are no reason for a clock to jump. */
static int set_clock(long long time) {
  if (llabs(time - now_microseconds()) < 10000) return 0;
  struct timespec value = {time / 1000000, time % 1000000 * 1000};
  return clock_settime(CLOCK_REALTIME, &value);
}

int system_handle(struct request *request) {
  const char *verb = text_of(request, 0);
  int failed;
  if (strcmp(verb, "network") == 0) failed = connect_network(request);
  else if (strcmp(verb, "hostname") == 0) failed = sethostname(text_of(request, 1), strlen(text_of(request, 1)));
  else if (strcmp(verb, "clock") == 0) failed = set_clock(number_of(request, 1));
  else if (strcmp(verb, "module") == 0) failed = load_module(text_of(request, 1));
  else if (strcmp(verb, "seed") == 0 && request->count > 1) failed = seed(&request->words[1]);
  else return 0;
  if (failed) answer_error(request->id, verb);
  else answer_ok(request->id);
  return 1;
}
