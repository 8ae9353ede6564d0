// Pure. What the map shows: the edges, the addresses of the master and the hot backup with their states and flows, and
// what all of it comes to, in a word.
import type { AddressHealth, DomainHealth, Edge } from "../../api/types";
import { withoutWeight } from "../origin/address";
import { type AddressView, viewOf } from "../origin/states";
import { type AddressFlow, addressKey, type EdgeFlow, NOTHING, type Rates } from "./flows";

export type RoleName = "master" | "backup";

export interface AddressNode {
	/** Unique on the map. */
	key: string;
	role: RoleName;
	address: string;
	weight: number;
	view: AddressView;
	/** What the edges connect to, where it is not what is written. */
	resolved: string[];
	flow: AddressFlow;
	/** Since when the first edge has it blocked. */
	sinceMs?: number;
	edges: readonly AddressHealth[];
	flowOf: (edge: string) => AddressFlow;
}
export interface EdgeNode {
	id: string;
	isConnected: boolean;
	flow: EdgeFlow;
	/** How many of this domain's addresses it finds exceptional. */
	exceptional: number;
}
export type Verdict =
	| "noEdges"
	| "quiet"
	| "allWell"
	| "someBlocked"
	| "recovering"
	| "backupAnswers"
	| "backupBlocked"
	| "nothingLeft";

export interface MapModel {
	edges: EdgeNode[];
	masters: AddressNode[];
	/** Absent where the domain has no hot backup. */
	backups?: AddressNode[];
	verdict: Verdict;
	blockedMasters: number;
	/** Whether it is known how much is pulled from the addresses, by the log or by what edges count. */
	hasPulls: boolean;
}

const NO_FLOW: AddressFlow = { pulls: 0, failures: 0 };

/** The ways in which the log may write what is configured as `address`. */
function spellings(address: string): string[] {
	const hasPort = /^\[[^\]]*\]:\d+$/.test(address) || /^[^:]+:\d+$/.test(address);
	if (hasPort) return [address];
	const host = address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
	return [`${host}:80`, `${host}:443`];
}

function nodesOf(
	role: RoleName,
	rows: DomainHealth["origin"],
	rates: Rates,
	scope: string | undefined,
	edgeIds: readonly string[],
): AddressNode[] {
	// An address that two names may have flows to the first that surely has it, or else the first.
	const owner = new Map<string, number>();
	const claim = (index: number, addresses: readonly string[]) => {
		for (const address of addresses) if (!owner.has(address)) owner.set(address, index);
	};
	rows.forEach((row, index) => {
		claim(
			index,
			row.edges.filter((one) => one.address && one.is_certain === undefined).map((one) => one.address as string),
		);
	});
	rows.forEach((row, index) => {
		claim(index, spellings(withoutWeight(row.address)));
	});
	rows.forEach((row, index) => {
		claim(
			index,
			row.edges.filter((one) => one.address).map((one) => one.address as string),
		);
	});
	return rows.map((row, index) => {
		const told = scope === undefined ? row.edges : row.edges.filter((one) => one.edge === scope);
		const mine = [...owner].filter(([, who]) => who === index).map(([address]) => address);
		const flowOf = (edge: string): AddressFlow => {
			const logged = mine.reduce((sum, address) => {
				const flow = rates.addresses.get(addressKey(edge, role, address)) ?? NO_FLOW;
				return { pulls: sum.pulls + flow.pulls, failures: sum.failures + flow.failures };
			}, NO_FLOW);
			// Where the log tells a part alone, or nothing, what the edge counts of each address is nearer to the truth.
			if (rates.seconds > 0 && !rates.isEstimate) return logged;
			const counted = row.edges.filter((one) => one.edge === edge && one.attempts_per_s !== undefined);
			if (counted.length === 0) return logged;
			const pulls = counted.reduce((sum, one) => sum + (one.attempts_per_s ?? 0), 0);
			return { pulls, failures: logged.pulls > 0 ? (logged.failures / logged.pulls) * pulls : 0 };
		};
		const flow = (scope === undefined ? edgeIds : [scope])
			.map(flowOf)
			.reduce((sum, one) => ({ pulls: sum.pulls + one.pulls, failures: sum.failures + one.failures }), NO_FLOW);
		const since = told.filter((one) => one.state === "blocked").map((one) => one.blocked_since_ms ?? Infinity);
		const sinceMs = Math.min(...since);
		const bare = withoutWeight(row.address);
		const resolved = [...new Set(told.map((one) => one.address ?? "").filter(Boolean))].filter(
			(address) => !spellings(bare).includes(address),
		);
		return {
			key: `${role} ${index}`,
			role,
			address: bare,
			weight: row.weight,
			view: viewOf({ weight: row.weight, edges: told }),
			resolved,
			flow,
			sinceMs: Number.isFinite(sinceMs) ? sinceMs : undefined,
			edges: told,
			flowOf,
		};
	});
}

const isOut = ({ view }: AddressNode) => view.word === "blocked" || view.word === "probing";
/** Blocked on every edge that knows of it. */
const isWhollyOut = (node: AddressNode) => isOut(node) && !node.view.on;
const isUsed = ({ view }: AddressNode) => view.word !== "unused" && view.word !== "unknown";

function verdictOf(
	edges: readonly EdgeNode[],
	masters: readonly AddressNode[],
	backups?: readonly AddressNode[],
): Verdict {
	if (!edges.some((edge) => edge.isConnected)) return "noEdges";
	const inUse = masters.filter((node) => node.weight > 0);
	if (inUse.length > 0 && inUse.every(isWhollyOut)) {
		const hasBackup = backups?.some((node) => node.weight > 0 && !isWhollyOut(node));
		return hasBackup ? "backupAnswers" : "nothingLeft";
	}
	if (masters.some(isOut)) return "someBlocked";
	if (backups?.some(isOut)) return "backupBlocked";
	const all = [...masters, ...(backups ?? [])];
	if (all.some(({ view }) => view.word === "trial" || view.word === "ramping")) return "recovering";
	return all.some(isUsed) ? "allWell" : "quiet";
}

/** The map of a domain; of one edge alone with `scope`. */
export function mapOf(health: DomainHealth, known: readonly Edge[], rates: Rates, scope?: string): MapModel {
	const ids = [...new Set([...health.edges.map((edge) => edge.id), ...known.map((edge) => edge.id)])];
	const masters = nodesOf("master", health.origin, rates, scope, ids);
	const backups = health.backup ? nodesOf("backup", health.backup, rates, scope, ids) : undefined;
	const rows = [...health.origin, ...(health.backup ?? [])];
	const edges = ids.map((id): EdgeNode => {
		const state = known.find((edge) => edge.id === id);
		return {
			id,
			isConnected: state ? state.is_connected : true,
			flow: rates.edges.get(id) ?? NOTHING,
			exceptional: rows.filter((row) =>
				row.edges.some((one) => one.edge === id && (one.state === "blocked" || one.state === "probing")),
			).length,
		};
	});
	const scoped = scope === undefined ? edges : edges.filter((edge) => edge.id === scope);
	return {
		edges,
		masters,
		backups,
		verdict: verdictOf(scoped, masters, backups),
		blockedMasters: masters.filter(isOut).length,
		hasPulls: rates.seconds > 0 || rows.some((row) => row.edges.some((one) => one.attempts_per_s !== undefined)),
	};
}
