// The domain that the address of a page names: what is shown of it, until it is there, and where it can't be had.
import type { ReactNode } from "react";
import { useParams } from "react-router";
import { isRefused } from "../../api/problem";
import { useDomain } from "../../api/queries";
import type { Domain } from "../../api/types";
import { ProblemAlert } from "../../parts/ProblemAlert";

interface Props {
	/** Until the domain is there. */
	waiting: ReactNode;
	children: (domain: Domain) => ReactNode;
}

export function OfDomain({ waiting, children }: Props) {
	const domain = useDomain(useParams().name ?? "");
	if (domain.data) return children(domain.data);
	if (!domain.error) return waiting;
	const isGone = isRefused(domain.error, "no-such-domain");
	return <ProblemAlert error={domain.error} onRetry={isGone ? undefined : () => domain.refetch()} />;
}
