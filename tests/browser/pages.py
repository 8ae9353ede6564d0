"""The pages of the console, for what looks at each of them: a name, and where it is. `{name}` is a domain with traffic, a
hot backup and a blocked address."""

PAGES = {
    "domains": "/domains",
    "new-domain": "/new-domain",
    "basic": "/domains/{name}/basic",
    "acceleration": "/domains/{name}/acceleration",
    "health": "/domains/{name}/health",
    "domain-monitoring": "/domains/{name}/monitoring",
    "history": "/domains/{name}/history",
    "monitoring": "/monitoring",
    "logs": "/logs",
    "domain-logs": "/domains/{name}/logs",
    "purge": "/purge",
    "settings": "/settings/general",
    "settings-server": "/settings/server",
    "settings-runtime": "/settings/runtime",
    "settings-certificates": "/settings/certificates",
    "settings-users": "/settings/users",
    "settings-tokens": "/settings/tokens",
    "nothing": "/there-is-no-such-page",
}
