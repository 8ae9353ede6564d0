// The list as a table, all of its pages.
import { get } from "../../api/client";
import type { Domain } from "../../api/types";
import { csvLine, saveFile } from "../../parts/csv";
import type { Filter } from "./DomainsPage";
import type { Order } from "./DomainTable";

const PAGE = 500;

function place(origin: Pick<Domain["origin"], "type" | "addresses" | "bucket">): string {
	return origin.type === "self" ? origin.addresses.join(" ") : (origin.bucket.bucket ?? origin.bucket.endpoint ?? "");
}

export async function saveCsv(filter: Filter, order: Order): Promise<void> {
	const lines = [csvLine(["domain", "status", "kind", "origin_type", "origin", "protocol", "backup", "revision"])];
	for (let skip = 0; ; skip += PAGE) {
		const { items, total } = await get("/domains", { query: { ...filter, order, limit: PAGE, skip } });
		for (const domain of items) {
			const { name, status, kind, origin, backup, revision } = domain;
			lines.push(
				csvLine([
					name,
					status,
					kind,
					origin.type,
					place(origin),
					origin.protocol,
					backup ? place(backup) : "",
					revision,
				]),
			);
		}
		if (items.length === 0 || skip + items.length >= total) break;
	}
	saveFile("domains.csv", lines);
}
