// Puts a certificate there, or another in its place: its texts are looked at here and by a dry run as they come, so that
// what is in them is shown before it counts.
import { type DragEvent, useId, useRef, useState } from "react";
import { UploadIcon } from "tdesign-icons-react";
import { rehearse, request } from "../../api/client";
import { errorsByField } from "../../api/problem";
import { common } from "../../i18n/common";
import { moment } from "../../i18n/format";
import { useText } from "../../i18n/i18n";
import { errorWords } from "../../i18n/problems";
import { settingTexts } from "../../i18n/settings";
import { Alert } from "../../parts/Alert";
import { Button } from "../../parts/Button";
import { Facts } from "../../parts/Card";
import { tell } from "../../parts/changes";
import { Dialog } from "../../parts/Dialog";
import { diffRow } from "../../parts/diff";
import { Field, TextInput, useWiring } from "../../parts/Field";
import { Loading } from "../../parts/Loading";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { useRehearsal } from "../../parts/useRehearsal";
import { chainFault, keyFault, type PemFault, split } from "./pem";
import type { CertificateListed } from "./queries";
import { useAction } from "./UserDialogs";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const FILE_MAX = 256 * 1024;

function PemInput({
	value,
	onChange,
	placeholder,
}: {
	value: string;
	onChange: (text: string) => void;
	placeholder: string;
}) {
	const t = useText(settingTexts);
	const wiring = useWiring();
	const file = useRef<HTMLInputElement>(null);
	const fileId = useId();
	const [isOver, setIsOver] = useState(false);

	async function take(one: File | undefined) {
		if (one && one.size <= FILE_MAX) onChange(await one.text());
	}
	function onDrop(event: DragEvent) {
		setIsOver(false);
		const [one] = event.dataTransfer.files;
		if (!one) return;
		event.preventDefault();
		take(one);
	}
	return (
		<div className={`hw-pem${isOver ? " hw-pem--over" : ""}`}>
			<textarea
				{...wiring}
				className="hw-textarea hw-pem__text"
				rows={5}
				spellCheck={false}
				autoComplete="off"
				placeholder={placeholder}
				value={value}
				onChange={(event) => onChange(event.target.value)}
				onDragOver={(event) => {
					event.preventDefault();
					setIsOver(true);
				}}
				onDragLeave={() => setIsOver(false)}
				onDrop={onDrop}
			/>
			<label className="hw-unseen" htmlFor={fileId}>
				{t("chooseFile")}
			</label>
			<input
				id={fileId}
				ref={file}
				className="hw-unseen"
				type="file"
				tabIndex={-1}
				accept=".pem,.crt,.cer,.key,.txt"
				onChange={(event) => {
					take(event.target.files?.[0]);
					event.target.value = "";
				}}
			/>
			<Button size="small" icon={<UploadIcon aria-hidden="true" />} onClick={() => file.current?.click()}>
				{t("chooseFile")}
			</Button>
		</div>
	);
}

/** What a dry run says is in a certificate. */
function Found({ diff }: { diff: readonly string[] }) {
	const t = useText(settingTexts);
	const of = new Map(diff.map((line) => [diffRow(line).field, diffRow(line).after]));
	const date = (field: string) => {
		const ms = Number(of.get(field));
		return of.has(field) && Number.isFinite(ms) ? moment(ms) : undefined;
	};
	const row = (name: Parameters<typeof t>[0], value: React.ReactNode) =>
		value !== undefined && ([t(name), value] as const);
	return (
		<div className="hw-found">
			<h3>{t("found")}</h3>
			<Facts
				rows={[
					row("names", of.get("names")),
					row("issuer", of.get("issuer")),
					row("kind", of.get("kind")),
					row("validFrom", date("not_before_ms")),
					row("validUntil", date("not_after_ms")),
					row(
						"fingerprint",
						of.has("fingerprint") ? <code className="hw-fingerprint">{of.get("fingerprint")}</code> : undefined,
					),
				]}
			/>
		</div>
	);
}

interface Props {
	/** The one that is replaced. */
	old?: CertificateListed;
	taken: readonly string[];
	onClose: () => void;
}

export function CertificateDialog({ old, taken, onClose }: Props) {
	const t = useText(settingTexts);
	const c = useText(common);
	const { isBusy, error, run, forget } = useAction();
	const [name, setName] = useState(old?.name ?? "");
	const [chain, setChain] = useState("");
	const [key, setKey] = useState("");
	const [isMoved, setIsMoved] = useState(false);

	const words = (fault: { fault: PemFault; max: number } | undefined) => fault && t(fault.fault, { max: fault.max });
	const nameFault = NAME.test(name)
		? !old && taken.includes(name)
			? t("faultCertTaken")
			: undefined
		: t("faultCertName");
	const chainWords = words(chainFault(chain));
	const keyWords = words(keyFault(key));
	const isWhole = !chainWords && !keyWords;
	const target = nameFault ? "a-name-that-is-yet-to-be-given" : name;
	const options = {
		path: { name: target },
		body: { certificate: chain, key },
		...(old ? { ifMatch: old.revision } : { isNew: true }),
	};
	const trial = useRehearsal(
		`${target} ${chain} ${key}`,
		(signal) => rehearse("put", "/certificates/{name}", { ...options, signal }),
		isWhole,
	);
	const isKnown = isWhole && !trial.isPending;
	const refusal = error ?? (isKnown ? trial.error : undefined);
	const errors = errorsByField(refusal, { certificate: "/certificate", key: "/key" });
	const [change] = (isKnown && !trial.error && trial.result?.changes) || [];
	const isSame = isKnown && !trial.error && trial.result !== undefined && !change;
	const isGood = !nameFault && change !== undefined;

	function takeChain(text: string) {
		forget();
		const parts = split(text);
		setChain(parts.chain);
		setIsMoved(parts.key !== "");
		if (parts.key !== "") setKey(parts.key);
	}

	async function submit() {
		await request("put", "/certificates/{name}", { ...options, path: { name } });
		tell(t("told_certificate", { name }));
		onClose();
	}

	return (
		<Dialog
			title={old ? t("renewOf", { name: old.name }) : t("addCertificate")}
			isDrawer
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => isGood && run(submit)}
			footer={
				<>
					<Button onClick={onClose} disabled={isBusy}>
						{c("cancel")}
					</Button>
					<Button type="submit" theme="primary" loading={isBusy} disabled={!isGood}>
						{t(old ? "renew" : "upload")}
					</Button>
				</>
			}
		>
			{!old && (
				<Field
					label={t("certName")}
					id="cert-name"
					isRequired
					hint={t("certNameHint")}
					error={name === "" ? undefined : nameFault}
				>
					<TextInput
						value={name}
						onChange={setName}
						autoFocus
						placeholder="shop"
						spellCheck={false}
						autoCapitalize="none"
					/>
				</Field>
			)}
			<Field
				label={t("chain")}
				id="cert-chain"
				isRequired
				hint={isMoved ? t("keyMoved") : t("chainHint")}
				error={chain === "" ? undefined : (chainWords ?? errors.of.certificate?.map(errorWords)[0])}
			>
				<PemInput value={chain} onChange={takeChain} placeholder="-----BEGIN CERTIFICATE-----" />
			</Field>
			<Field
				label={t("key")}
				id="cert-key"
				isRequired
				hint={t("keyHint")}
				error={key === "" ? undefined : (keyWords ?? errors.of.key?.map(errorWords)[0])}
			>
				<PemInput
					value={key}
					onChange={(text) => {
						forget();
						setKey(text);
					}}
					placeholder="-----BEGIN PRIVATE KEY-----"
				/>
			</Field>
			<div aria-live="polite">
				{isWhole && trial.isPending && <Loading rows={3} />}
				{change && <Found diff={change.diff} />}
				{isSame && <Alert tone="info">{t("sameCertificate")}</Alert>}
			</div>
			{refusal && !errors.of.certificate && !errors.of.key ? <ProblemAlert error={refusal} /> : null}
		</Dialog>
	);
}
