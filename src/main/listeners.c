/*
 * SO_REUSEPORT would let a second Headwater of the same user share our addresses silently. So each
 * address is bound once without it first, which fails when anybody listens there.
 */
#include "main/listeners.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether nobody listens at the address; false with errno. */
static bool is_free(const struct address *address)
{
	union address_sockaddr to;
	socklen_t length = address_to_sockaddr(address, &to);
	const int on = 1;
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* What lingers from connections of the past is no obstacle, as it will be none later. */
	bool is = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
	if (is && !address_is_v4(address))
		is = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
	is = is && bind(fd, &to.any, length) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return is;
}

/* Opens the sockets of one address. The first decides the port, where the kernel may choose. */
static bool open_address(struct listeners *listeners, struct str asked, int backlog)
{
	struct address address;
	CHECK(address_parse(asked, &address));
	if (!is_free(&address))
		return false;
	unsigned index = listeners->asked.count;
	int *sockets = listeners_add(listeners, asked, &address);
	for (unsigned i = 0; i < listeners->workers; i++) {
		sockets[i] = tcp_listen(&listeners->bound[index], backlog);
		if (sockets[i] < 0)
			return false;
		if (!tcp_local_address(sockets[i], &listeners->bound[index]))
			return false;
	}
	return true;
}

static const char *why_not(int error, struct str asked)
{
	struct address address;
	CHECK(address_parse(asked, &address));
	if (error == EACCES && address.port < IPPORT_RESERVED)
		return "only root, or who has CAP_NET_BIND_SERVICE, may take a port below 1024";
	return strerror(error);
}

bool listeners_open(const struct words *asked, unsigned workers, int backlog,
        struct listeners *ret_listeners, struct text *ret_why)
{
	CHECK(workers > 0);
	struct listeners listeners = {.workers = workers};
	for (unsigned i = 0; i < asked->count; i++) {
		if (open_address(&listeners, str_of(asked->list[i]), backlog))
			continue;
		text_addf(ret_why, "cannot listen on %s: %s", asked->list[i],
		        why_not(errno, str_of(asked->list[i])));
		listeners_done(&listeners);
		return false;
	}
	*ret_listeners = listeners;
	return true;
}

int *listeners_add(struct listeners *listeners, struct str asked, const struct address *bound)
{
	unsigned index = listeners->asked.count, workers = listeners->workers;
	words_add(&listeners->asked, asked);
	listeners->bound = mem_resize(listeners->bound, (index + 1) * sizeof(*listeners->bound));
	listeners->bound[index] = *bound;
	listeners->sockets =
	        mem_resize(listeners->sockets, (index + 1) * workers * sizeof(*listeners->sockets));
	for (unsigned i = 0; i < workers; i++)
		listeners->sockets[index * workers + i] = -1;
	return &listeners->sockets[index * workers];
}

void listeners_done(struct listeners *listeners)
{
	for (unsigned i = 0; i < listeners_socket_count(listeners); i++) {
		if (listeners->sockets[i] >= 0)
			close(listeners->sockets[i]);
	}
	mem_free(listeners->sockets);
	mem_free(listeners->bound);
	words_done(&listeners->asked);
	*listeners = (struct listeners){0};
}

void listeners_log(const struct listeners *listeners, const char *words)
{
	char text[ADDRESS_TEXT_BYTES];
	for (unsigned i = 0; i < listeners->asked.count; i++)
		log_info("%s %s", words, address_format(&listeners->bound[i], text));
}
