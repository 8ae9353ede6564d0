// Why a role may not do something that is no change of domains.
import type { Role } from "../api/types";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { useSession } from "./session";

/** In words, why whoever is signed in lacks a role; undefined where they have it. */
export function useNeeds(needed: Exclude<Role, "viewer">): string | undefined {
	const c = useText(common);
	const session = useSession();
	if (session.may(needed)) return undefined;
	return c("notAllowed", { role: c(`role_${session.role}`), needed: c(`role_${needed}`) });
}
