// What is done with accounts. A password that is made is shown once, in the same dialog.
import { useState } from "react";
import { request } from "../../api/client";
import { errorsByField } from "../../api/problem";
import type { Role } from "../../api/types";
import { common } from "../../i18n/common";
import { useText } from "../../i18n/i18n";
import { errorWords } from "../../i18n/problems";
import { sessionTexts } from "../../i18n/session";
import { settingTexts } from "../../i18n/settings";
import { Button } from "../../parts/Button";
import { tell } from "../../parts/changes";
import { Dialog } from "../../parts/Dialog";
import { Choice, Field, TextInput } from "../../parts/Field";
import { ProblemAlert } from "../../parts/ProblemAlert";
import { SecretOnce } from "../../parts/SecretOnce";
import { PasswordInput } from "../../session/PasswordInput";
import { makePassword, passwordFault } from "./passwords";
import type { User } from "./queries";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/;
const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

/** Does one thing at a time, and keeps why it failed. */
export function useAction() {
	const [isBusy, setIsBusy] = useState(false);
	const [error, setError] = useState<unknown>();
	async function run(action: () => Promise<void>): Promise<void> {
		setIsBusy(true);
		setError(undefined);
		try {
			await action();
		} catch (failure) {
			setError(failure);
		} finally {
			setIsBusy(false);
		}
	}
	return { isBusy, error, run, forget: () => setError(undefined) };
}

export function RoleChoice({
	value,
	onChange,
	most = "admin",
	why,
}: {
	value: Role;
	onChange: (role: Role) => void;
	/** The highest that may be chosen. */
	most?: Role;
	why?: string;
}) {
	const t = useText(settingTexts);
	const c = useText(common);
	return (
		<Field label={t("role")} id="role" isGroup hint={why}>
			<Choice<Role>
				name="role"
				value={value}
				onChange={onChange}
				options={ROLES.map((role) => ({
					value: role,
					label: c(`role_${role}`),
					hint: t(`role_${role}_may`),
					disabled: ROLES.indexOf(role) > ROLES.indexOf(most),
				}))}
			/>
		</Field>
	);
}

type How = "made" | "typed";

function PasswordHow({
	how,
	onHow,
	value,
	onChange,
}: {
	how: How;
	onHow: (how: How) => void;
	value: string;
	onChange: (value: string) => void;
}) {
	const t = useText(settingTexts);
	const s = useText(sessionTexts);
	const fault = passwordFault(value);
	return (
		<>
			<Field label={t("passwordHow")} id="how" isGroup>
				<Choice<How>
					name="how"
					value={how}
					onChange={onHow}
					options={[
						{ value: "made", label: t("passwordMade"), hint: t("passwordMadeHint") },
						{ value: "typed", label: t("passwordTyped"), hint: t("passwordTypedHint") },
					]}
				/>
			</Field>
			{how === "typed" && (
				<Field
					label={s("newPassword")}
					id="new-password"
					hint={s("length")}
					error={
						value === "" || fault === undefined
							? undefined
							: fault === "long"
								? s("tooLong")
								: s("tooShort", { missing: fault.missing })
					}
				>
					<PasswordInput value={value} onChange={onChange} autoComplete="new-password" />
				</Field>
			)}
		</>
	);
}

function Foot({
	label,
	isBusy,
	isOff,
	isDangerous,
	onClose,
}: {
	label: string;
	isBusy: boolean;
	isOff?: boolean;
	isDangerous?: boolean;
	onClose: () => void;
}) {
	const c = useText(common);
	return (
		<>
			<Button onClick={onClose} disabled={isBusy}>
				{c("cancel")}
			</Button>
			<Button type="submit" theme={isDangerous ? "danger" : "primary"} loading={isBusy} disabled={isOff}>
				{label}
			</Button>
		</>
	);
}

function PasswordShown({
	name,
	password,
	title,
	onClose,
}: {
	name: string;
	password: string;
	title: string;
	onClose: () => void;
}) {
	const t = useText(settingTexts);
	return (
		<Dialog
			title={title}
			footer={
				<Button theme="primary" onClick={onClose}>
					{t("iHaveIt")}
				</Button>
			}
		>
			<SecretOnce label={t("passwordOf", { name })} value={password}>
				{t("passwordOnce")}
			</SecretOnce>
		</Dialog>
	);
}

export function AddUser({ taken, onClose }: { taken: readonly string[]; onClose: () => void }) {
	const t = useText(settingTexts);
	const { isBusy, error, run } = useAction();
	const [name, setName] = useState("");
	const [role, setRole] = useState<Role>("viewer");
	const [how, setHow] = useState<How>("made");
	const [password, setPassword] = useState("");
	const [made, setMade] = useState<string>();

	const fault =
		name === "" ? undefined : name.length > 64 ? t("faultNameLong") : NAME.test(name) ? undefined : t("faultName");
	const isTaken = taken.includes(name);
	const errors = errorsByField(error, { name: "/name", password: "/password" });
	const isGood = name !== "" && !fault && !isTaken && (how === "made" || passwordFault(password) === undefined);

	async function submit() {
		const { data } = await request("post", "/users", {
			body: { name, role, ...(how === "typed" && { password }) },
		});
		tell(t("told_userMade", { name }));
		if (data.password !== undefined) setMade(data.password);
		else onClose();
	}

	if (made !== undefined) {
		return <PasswordShown name={name} password={made} title={t("userMade", { name })} onClose={onClose} />;
	}
	return (
		<Dialog
			title={t("addUser")}
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => isGood && run(submit)}
			footer={<Foot label={t("addUser")} isBusy={isBusy} isOff={!isGood} onClose={onClose} />}
		>
			<Field
				label={t("userName")}
				id="user-name"
				hint={fault ? undefined : t("userNameHint")}
				isRequired
				error={fault ?? (isTaken ? t("faultTaken") : errors.of.name?.map(errorWords)[0])}
			>
				<TextInput value={name} onChange={setName} autoFocus spellCheck={false} autoCapitalize="none" />
			</Field>
			<RoleChoice value={role} onChange={setRole} />
			<PasswordHow how={how} onHow={setHow} value={password} onChange={setPassword} />
			{error && !errors.of.name ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}

export function ChangeRole({ user, onClose }: { user: User; onClose: () => void }) {
	const t = useText(settingTexts);
	const c = useText(common);
	const { isBusy, error, run } = useAction();
	const [role, setRole] = useState<Role>(user.role);
	async function submit() {
		await request("patch", "/users/{account}", { path: { account: user.name }, body: { role } });
		tell(t("told_userRole", { name: user.name, role: c(`role_${role}`) }));
		onClose();
	}
	return (
		<Dialog
			title={t("changeRoleOf", { name: user.name })}
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => run(submit)}
			footer={<Foot label={c("save")} isBusy={isBusy} isOff={role === user.role} onClose={onClose} />}
		>
			<RoleChoice value={role} onChange={setRole} why={t("changeRoleHint")} />
			{error ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}

export function ResetPassword({ user, onClose }: { user: User; onClose: () => void }) {
	const t = useText(settingTexts);
	const { isBusy, error, run } = useAction();
	const [how, setHow] = useState<How>("made");
	const [typed, setTyped] = useState("");
	const [made, setMade] = useState<string>();
	const isGood = how === "made" || passwordFault(typed) === undefined;
	async function submit() {
		const password = how === "made" ? makePassword() : typed;
		await request("patch", "/users/{account}", { path: { account: user.name }, body: { password } });
		tell(t("told_userPassword", { name: user.name }));
		if (how === "made") setMade(password);
		else onClose();
	}
	if (made !== undefined) {
		return (
			<PasswordShown
				name={user.name}
				password={made}
				title={t("resetPasswordOf", { name: user.name })}
				onClose={onClose}
			/>
		);
	}
	return (
		<Dialog
			title={t("resetPasswordOf", { name: user.name })}
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => isGood && run(submit)}
			footer={<Foot label={t("resetPassword")} isBusy={isBusy} isOff={!isGood} onClose={onClose} />}
		>
			<p>{t("resetHint")}</p>
			<PasswordHow how={how} onHow={setHow} value={typed} onChange={setTyped} />
			{error ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}

export function DeleteUser({ user, onClose }: { user: User; onClose: () => void }) {
	const t = useText(settingTexts);
	const { isBusy, error, run } = useAction();
	async function submit() {
		await request("delete", "/users/{account}", { path: { account: user.name } });
		tell(t("told_userDeleted", { name: user.name }));
		onClose();
	}
	return (
		<Dialog
			title={t("deleteUserOf", { name: user.name })}
			width="small"
			onClose={isBusy ? undefined : onClose}
			onSubmit={() => run(submit)}
			footer={<Foot label={t("deleteUser")} isBusy={isBusy} isDangerous onClose={onClose} />}
		>
			<p>{t("deleteUserHint")}</p>
			{error ? <ProblemAlert error={error} /> : null}
		</Dialog>
	);
}
