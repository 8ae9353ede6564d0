// Why somebody may not change domains: their role, or a file that the domains come from.
import { useStatus } from "../api/queries";
import type { Role } from "../api/types";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { useSession } from "./session";

/** In words, why whoever is signed in cannot change a domain; undefined where they can. */
export function useForbidden(needed: Exclude<Role, "viewer">): string | undefined {
	const c = useText(common);
	const session = useSession();
	const status = useStatus();
	const file = status.data && status.data.managed_by !== "store" ? status.data.managed_by : undefined;
	if (file) return c("managedByFile", { file });
	if (!session.may(needed)) return c("notAllowed", { role: c(`role_${session.role}`), needed: c(`role_${needed}`) });
	return undefined;
}
