// The addresses of an origin with how they are, as they stand in its card.
import { useEffect, useState } from "react";
import { MoreIcon } from "tdesign-icons-react";
import { request } from "../../api/client";
import { Refused } from "../../api/problem";
import type { Domain, DomainHealth } from "../../api/types";
import { faultWords } from "../../i18n/faults";
import { number } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { originTexts } from "../../i18n/origin";
import { problemDetail } from "../../i18n/problems";
import { tell } from "../../parts/changes";
import { Menu } from "../../parts/Menu";
import { StateDot } from "../../parts/StateDot";
import { useSession } from "../../session/session";
import { parseAddress, withoutWeight } from "./address";
import { type AddressView, viewOf } from "./states";

/** Seconds that are left of something that had `leftMs` left at `toldAt`, counted down each second. */
export function useCountdown(leftMs: number | undefined, toldAt: number): number | undefined {
	const [now, setNow] = useState(Date.now);
	useEffect(() => {
		if (leftMs === undefined) return;
		setNow(Date.now());
		const timer = setInterval(() => setNow(Date.now()), 1000);
		return () => clearInterval(timer);
	}, [leftMs]);
	return leftMs === undefined ? undefined : Math.max(0, Math.ceil((leftMs - Math.max(0, now - toldAt)) / 1000));
}

/** The state of an address in words: serving, or blocked with the reason and the seconds that are left. */
export function AddressStateView({ view, toldAt }: { view: AddressView; toldAt: number }) {
	const t = useText(originTexts);
	const left = useCountdown(view.leftMs, toldAt);
	const more = [
		view.reason && faultWords(view.reason),
		left !== undefined && t("left", { seconds: left }),
		view.on && t("onSome", view.on),
	].filter(Boolean);
	return (
		<span className="hw-address-state" title={t(`${view.word}Hint`)}>
			<StateDot tone={view.tone}>{t(view.word)}</StateDot>
			{more.length > 0 && <span className="hw-quiet hw-address-state__more">{more.join(" · ")}</span>}
		</span>
	);
}

interface Props {
	domain: Domain;
	role: "origin" | "backup";
	health?: DomainHealth;
	toldAt: number;
	onChanged: (words: string, revision: number | undefined) => void;
	label: string;
	mayWeigh: boolean;
}

export function Addresses({ domain, role, health, toldAt, onChanged, label, mayWeigh }: Props) {
	const t = useText(originTexts);
	const session = useSession();
	const origin = role === "origin" ? domain.origin : domain.backup;
	const rows = health?.[role] ?? undefined;
	if (!origin) return null;

	async function weigh(address: string, weight: number) {
		const named = withoutWeight(address);
		try {
			const { revision } = await request("post", "/domains/{name}/weight", {
				path: { name: domain.name },
				body: { role, address: named, weight },
				ifMatch: domain.revision,
			});
			onChanged(t(weight === 0 ? "drainedDone" : "givenBack", { name: domain.name, address: named }), revision);
		} catch (error) {
			tell(`${domain.name}: ${named}`, "failed", error instanceof Refused ? problemDetail(error) : String(error));
		}
	}

	return (
		<div className="hw-scroll">
			<table className="hw-table hw-table--compact">
				<caption className="hw-unseen">{label}</caption>
				<thead>
					<tr>
						<th scope="col">{t("address")}</th>
						<th scope="col" className="hw-number">
							{t("weight")}
						</th>
						<th scope="col">{t("state")}</th>
						<th scope="col" className="hw-number">
							{t("latency")}
						</th>
						{mayWeigh && (
							<th scope="col">
								<span className="hw-unseen">{t("state")}</span>
							</th>
						)}
					</tr>
				</thead>
				<tbody>
					{origin.addresses.map((address, index) => {
						const parts = parseAddress(address);
						const row = rows?.[index];
						const weight = parts.weight === "" ? 1 : Number(parts.weight);
						const view = viewOf(row ?? { weight, edges: [] });
						const named = withoutWeight(address);
						return (
							<tr key={address}>
								<th scope="row">
									<code>{parts.host}</code>
									<span className="hw-quiet">
										:
										{parts.port ||
											(origin.protocol === "https" ? "443" : origin.protocol === "follow" ? "80/443" : "80")}
									</span>
								</th>
								<td className="hw-number">{weight}</td>
								<td>
									<AddressStateView view={view} toldAt={toldAt} />
								</td>
								<td className="hw-number">
									{view.latencyUs ? `${number(view.latencyUs / 1000, view.latencyUs < 10000 ? 1 : 0)} ms` : "–"}
								</td>
								{mayWeigh && (
									<td className="hw-table__end">
										{session.may("operator") && (
											<Menu
												label={t("addressActions", { address: named })}
												items={[
													weight === 0
														? { key: "back", label: t("giveBack"), onSelect: () => void weigh(address, 1) }
														: { key: "drain", label: t("drain"), onSelect: () => void weigh(address, 0) },
												]}
											>
												<MoreIcon />
											</Menu>
										)}
									</td>
								)}
							</tr>
						);
					})}
				</tbody>
			</table>
		</div>
	);
}
