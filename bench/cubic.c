/*
 * Preloaded into every server that is measured, and into the load: their TCP sockets use cubic,
 * whatever the machine's default is. Under bbr the pacing of a socket costs timers of its own,
 * which is not what we want to compare.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol)
{
	static int (*next)(int, int, int);
	if (next == NULL)
		next = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
	int fd = next(domain, type, protocol);
	int base_type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && (domain == AF_INET || domain == AF_INET6) && base_type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", sizeof("cubic") - 1);
	return fd;
}
