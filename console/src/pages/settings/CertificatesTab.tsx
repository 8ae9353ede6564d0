// The certificates that edges show to clients: what each is for, how long it is good, and which edges show it.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { AddIcon, EllipsisIcon } from "tdesign-icons-react";
import { get, rehearse, request } from "../../api/client";
import { useEdges } from "../../api/queries";
import { common } from "../../i18n/common";
import { moment, number } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { settingTexts } from "../../i18n/settings";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Card, Facts } from "../../parts/Card";
import { ConfirmWithDiff } from "../../parts/ConfirmWithDiff";
import { CopyButton } from "../../parts/CopyButton";
import { tell } from "../../parts/changes";
import { Dialog } from "../../parts/Dialog";
import { EmptyState } from "../../parts/EmptyState";
import { Loading } from "../../parts/Loading";
import { Menu } from "../../parts/Menu";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { Tag } from "../../parts/Tag";
import { useNeeds } from "../../session/needs";
import { CertificateDialog } from "./CertificateDialog";
import { expiryTone } from "./pem";
import { type CertificateListed, certificatesKey, useCertificates } from "./queries";

const NAMES_SHOWN = 3;
const WARN_DAYS = 14;
const EDGES_MS = 2000;

type Open = { what: "add" } | { what: "show" | "renew" | "delete"; one: CertificateListed };

function DaysLeft({ one }: { one: CertificateListed }) {
	const t = useText(settingTexts);
	if (one.not_before_ms > Date.now()) return <Tag tone="warn">{t("notYet")}</Tag>;
	const words =
		one.not_after_ms <= Date.now()
			? t("hasExpired")
			: one.days_left === 0
				? t("lastDayLeft")
				: one.days_left === 1
					? t("dayLeft")
					: t("daysLeft", { days: number(one.days_left) });
	return <Tag tone={expiryTone(one.days_left)}>{words}</Tag>;
}

function ShownOn({ revision }: { revision: number }) {
	const t = useText(settingTexts);
	const edges = useEdges(EDGES_MS);
	if (!edges.data) return null;
	const all = edges.data.items.length;
	const done = edges.data.items.filter((edge) => (edge.shown ?? 0) >= revision).length;
	if (all === 0) return <span className="hw-quiet">{t("nobodyShows")}</span>;
	return (
		<Tag tone={done === all ? "good" : "busy"}>
			{done < all && <span className="hw-spin" aria-hidden="true" />}
			{t("shownOn", { done, all })}
		</Tag>
	);
}

function Show({ one, onClose }: { one: CertificateListed; onClose: () => void }) {
	const t = useText(settingTexts);
	const c = useText(common);
	const whole = useQuery({
		queryKey: [...certificatesKey, one.name],
		queryFn: ({ signal }) => get("/certificates/{name}", { path: { name: one.name }, signal }),
	});
	return (
		<Dialog title={one.name} isDrawer onClose={onClose} footer={<Button onClick={onClose}>{c("close")}</Button>}>
			<Facts
				rows={[
					[t("names"), one.names.join(", ")],
					[t("issuer"), one.issuer],
					[t("kind"), one.kind],
					[t("validFrom"), moment(one.not_before_ms)],
					[
						t("validUntil"),
						<span key="until" className="hw-row">
							{moment(one.not_after_ms)} <DaysLeft one={one} />
						</span>,
					],
					[t("edgesShow"), <ShownOn key="edges" revision={one.revision} />],
					[t("revision"), number(one.revision)],
				]}
			/>
			<Facts
				rows={[
					[
						t("fingerprint"),
						<code key="print" className="hw-fingerprint">
							{one.fingerprint}
						</code>,
					],
				]}
			/>
			<section className="hw-words">
				<div className="hw-row">
					<h3>{t("chain")}</h3>
					{whole.data && <CopyButton size="small" variant="text" text={whole.data.certificate} />}
				</div>
				{whole.isPending ? (
					<Loading rows={5} />
				) : whole.isError ? (
					<ProblemAlert error={whole.error} onRetry={() => whole.refetch()} />
				) : (
					// biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard
					<pre className="hw-pem__shown" tabIndex={0}>
						{whole.data.certificate}
					</pre>
				)}
			</section>
		</Dialog>
	);
}

export default function CertificatesTab() {
	const t = useText(settingTexts);
	const c = useText(common);
	const client = useQueryClient();
	const reason = useNeeds("admin");
	const certificates = useCertificates();
	const [open, setOpen] = useState<Open>();
	const items = certificates.data?.items ?? [];
	const soon = items.filter((one) => one.days_left < WARN_DAYS).sort((a, b) => a.not_after_ms - b.not_after_ms);

	function close() {
		setOpen(undefined);
		client.invalidateQueries({ queryKey: certificatesKey });
	}

	return (
		<>
			{soon.length > 0 && (
				<Alert tone={soon.some((one) => one.not_after_ms <= Date.now()) ? "error" : "warning"} title={t("soonTitle")}>
					<ul>
						{soon.slice(0, 5).map((one) => (
							<li key={one.name}>
								{t(one.not_after_ms <= Date.now() ? "expiredOne" : "soonOne", {
									name: `${one.name} (${one.names[0] ?? ""})`,
									date: moment(one.not_after_ms),
								})}
							</li>
						))}
					</ul>
				</Alert>
			)}
			<Card
				title={t("certificates")}
				id="certificates"
				actions={
					<Button
						theme="primary"
						icon={<AddIcon aria-hidden="true" />}
						disabled={reason !== undefined}
						title={reason}
						onClick={() => setOpen({ what: "add" })}
					>
						{t("addCertificate")}
					</Button>
				}
			>
				<p className="hw-quiet hw-lead">{t("certificatesLead")}</p>
				{certificates.isPending ? (
					<Loading rows={4} />
				) : certificates.isError ? (
					<ProblemAlert error={certificates.error} onRetry={() => certificates.refetch()} />
				) : items.length === 0 ? (
					<EmptyState title={t("noCertificates")}>{t("noCertificatesHint")}</EmptyState>
				) : (
					<div className="hw-scroll">
						<table className="hw-table">
							<thead>
								<tr>
									<th scope="col">{t("certName")}</th>
									<th scope="col">{t("names")}</th>
									<th scope="col" className="hw-wide">
										{t("kind")}
									</th>
									<th scope="col">{t("validUntil")}</th>
									<th scope="col">{t("edgesShow")}</th>
									<th scope="col" className="hw-last">
										<span className="hw-unseen">{c("actions")}</span>
									</th>
								</tr>
							</thead>
							<tbody>
								{items.map((one) => (
									<tr key={one.name}>
										<th scope="row">
											<button type="button" className="hw-link" onClick={() => setOpen({ what: "show", one })}>
												{one.name}
											</button>
										</th>
										<td className="hw-names">
											{one.names.slice(0, NAMES_SHOWN).join(", ")}
											{one.names.length > NAMES_SHOWN && (
												<span className="hw-quiet" title={one.names.join(", ")}>
													{" "}
													{t("moreNames", { count: one.names.length - NAMES_SHOWN })}
												</span>
											)}
										</td>
										<td className="hw-wide">{one.kind}</td>
										<td>
											<span className="hw-row">
												{moment(one.not_after_ms)}
												<DaysLeft one={one} />
											</span>
										</td>
										<td>
											<ShownOn revision={one.revision} />
										</td>
										<td className="hw-last">
											<Menu
												label={t("certActions", { name: one.name })}
												head={reason !== undefined && <span className="hw-menu-why">{reason}</span>}
												items={[
													{ key: "show", label: t("showCertificate"), onSelect: () => setOpen({ what: "show", one }) },
													{
														key: "renew",
														label: t("renew"),
														disabled: reason !== undefined,
														title: reason,
														onSelect: () => setOpen({ what: "renew", one }),
													},
													{
														key: "delete",
														label: t("deleteCertificate"),
														isDangerous: true,
														disabled: reason !== undefined,
														title: reason,
														onSelect: () => setOpen({ what: "delete", one }),
													},
												]}
											>
												<EllipsisIcon />
											</Menu>
										</td>
									</tr>
								))}
							</tbody>
						</table>
					</div>
				)}
			</Card>
			{open?.what === "add" && <CertificateDialog taken={items.map((one) => one.name)} onClose={close} />}
			{open?.what === "renew" && <CertificateDialog old={open.one} taken={[]} onClose={close} />}
			{open?.what === "show" && <Show one={open.one} onClose={() => setOpen(undefined)} />}
			{open?.what === "delete" && (
				<ConfirmWithDiff
					title={t("deleteCertificateOf", { name: open.one.name })}
					isDangerous
					confirmLabel={t("deleteCertificate")}
					rehearse={() =>
						rehearse("delete", "/certificates/{name}", { path: { name: open.one.name }, ifMatch: open.one.revision })
					}
					onConfirm={async () => {
						await request("delete", "/certificates/{name}", {
							path: { name: open.one.name },
							ifMatch: open.one.revision,
						});
						tell(t("told_certificateGone", { name: open.one.name }));
					}}
					onClose={close}
				>
					<p>{t("deleteCertificateHint")}</p>
				</ConfirmWithDiff>
			)}
		</>
	);
}
